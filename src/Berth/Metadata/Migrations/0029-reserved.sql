-- oldest: 1
-- Holds the number.
SELECT 1;
