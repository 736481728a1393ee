-- Looks get their seals; what does it is a guarded function.

-- name: seal_looks
SELECT seal_looks(%(limit)s);
