-- rules::end. ARGV: .., now, why.
if not grant.v then return {'no'} end
if grant.v ~= '1' then return {'version'} end
if noted() == 'E' then return {'yes'} end
if not open() then return {'no'} end
note('E')
finish(ARGV[3])
return {'yes'}
