// Loaded before the conformance suite (NODE_OPTIONS=--require): its mock servers call `listen(0)`
// with no host, which binds every interface. Here each of them binds 127.0.0.1.
//
// The suite reads `address()` right after `listen`, so the address must be there synchronously.
// A host given to `listen` goes through a look-up first, which is not; hence the hook one level
// below, where node hands over the address that it is about to bind.
'use strict';

const { Server } = require('node:net');

const bind = Server.prototype._listen2;
if (typeof bind !== 'function') {
  throw new Error('loopback.cjs does not fit this version of node: net.Server has no _listen2');
}

const EVERYWHERE = new Set([undefined, null, '', '::', '0.0.0.0']);

Server.prototype._listen2 = function listenOnLoopback(address, port, addressType, ...rest) {
  // A port below zero stands for a socket path or a descriptor that is open already.
  if (typeof port === 'number' && port >= 0 && EVERYWHERE.has(address)) {
    return bind.call(this, '127.0.0.1', port, 4, ...rest);
  }
  return bind.call(this, address, port, addressType, ...rest);
};
