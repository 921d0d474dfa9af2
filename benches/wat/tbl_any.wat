;; A million times a round: two table.get and a table.set of anyref, and a cast.
(module
  (type $object (sub final (struct (field $value i32))))
  (table $t 1024 anyref)
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $sum i32)
    (loop $fill
      (table.set $t (local.get $i) (struct.new $object (local.get $i)))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1024))))
    (loop $round
      (local.set $i (i32.const 1000000))
      (loop $in
        (table.set $t (i32.and (local.get $i) (i32.const 1023))
          (table.get $t (i32.and (i32.mul (local.get $i) (i32.const 77)) (i32.const 1023))))
        (local.set $sum (i32.add (local.get $sum)
          (struct.get $object $value (ref.cast (ref $object) (table.get $t (i32.and (local.get $i) (i32.const 1023)))))))
        (br_if $in (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
