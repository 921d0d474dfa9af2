;; Calls the host's (import "host" "prime") for every prime below the bound, and returns their number.
(module $primes
  (import "host" "prime" (func $prime (param i32)))
  (memory 16)
  (func (export "below") (param $bound i32) (result i32)
    (local $i i32) (local $j i32) (local $found i32)
    (memory.fill (i32.const 0) (i32.const 1) (local.get $bound))
    (local.set $i (i32.const 2))
    (block $done
      (loop $candidates
        (br_if $done (i32.ge_u (local.get $i) (local.get $bound)))
        (if (i32.load8_u (local.get $i))
          (then
            (call $prime (local.get $i))
            (local.set $found (i32.add (local.get $found) (i32.const 1)))
            (local.set $j (i32.add (local.get $i) (local.get $i)))
            (block $struck
              (loop $multiples
                (br_if $struck (i32.ge_u (local.get $j) (local.get $bound)))
                (i32.store8 (local.get $j) (i32.const 0))
                (local.set $j (i32.add (local.get $j) (local.get $i)))
                (br $multiples)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $candidates)))
    (local.get $found)))
