;; A million times a round: an object's two reference fields change places.
(module
  (type $object (sub final (struct (field $a (mut (ref null $object))) (field $b (mut (ref null $object))) (field $value i32))))
  (type $objects (sub final (array (mut (ref null $object)))))
  (func (export "run") (param $rounds i32) (result i32)
    (local $i i32) (local $x (ref null $object)) (local $y (ref null $object)) (local $objects (ref $objects)) (local $sum i32)
    (local.set $objects (array.new_default $objects (i32.const 256)))
    (loop $fill
      (array.set $objects (local.get $objects) (local.get $i) (struct.new $object (ref.null $object) (ref.null $object) (local.get $i)))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256))))
    (local.set $i (i32.const 0))
    (loop $link
      (local.set $x (array.get $objects (local.get $objects) (local.get $i)))
      (struct.set $object $a (local.get $x)
        (array.get $objects (local.get $objects) (i32.and (i32.add (local.get $i) (i32.const 7)) (i32.const 255))))
      (struct.set $object $b (local.get $x)
        (array.get $objects (local.get $objects) (i32.and (i32.add (local.get $i) (i32.const 91)) (i32.const 255))))
      (br_if $link (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256))))
    (loop $round
      (local.set $i (i32.const 1000000))
      (loop $in
        (local.set $x (array.get $objects (local.get $objects) (i32.and (local.get $i) (i32.const 255))))
        (local.set $y (struct.get $object $a (local.get $x)))
        (struct.set $object $a (local.get $x) (struct.get $object $b (local.get $x)))
        (struct.set $object $b (local.get $x) (local.get $y))
        (local.set $sum (i32.add (local.get $sum) (struct.get $object $value (local.get $y))))
        (br_if $in (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
