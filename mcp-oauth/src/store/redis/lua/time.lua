-- Redis's clock, of the node of KEYS[1].
return {string.format('%.0f', clock())}
