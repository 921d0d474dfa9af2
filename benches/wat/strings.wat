;; A string of bytes grows by 300 concatenations a round and is hashed after every tenth.
(module
  (type $string (sub final (array (mut i8))))
  (data $words "references and garbage collection")
  (func $concat (param $a (ref $string)) (param $b (ref $string)) (result (ref $string)) (local $out (ref $string))
    (local.set $out (array.new_default $string (i32.add (array.len (local.get $a)) (array.len (local.get $b)))))
    (array.copy $string $string (local.get $out) (i32.const 0) (local.get $a) (i32.const 0) (array.len (local.get $a)))
    (array.copy $string $string (local.get $out) (array.len (local.get $a)) (local.get $b) (i32.const 0) (array.len (local.get $b)))
    (local.get $out))
  (func $hash (param $s (ref $string)) (result i32) (local $i i32) (local $h i32)
    (local.set $h (i32.const 0x811c9dc5))
    (loop $in
      (local.set $h (i32.mul (i32.xor (local.get $h) (array.get_u $string (local.get $s) (local.get $i))) (i32.const 16777619)))
      (br_if $in (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (array.len (local.get $s)))))
    (local.get $h))
  (func (export "run") (param $rounds i32) (result i32) (local $i i32) (local $s (ref $string)) (local $sum i32)
    (loop $round
      (local.set $s (array.new_fixed $string 0))
      (local.set $i (i32.const 300))
      (loop $in
        (local.set $s (call $concat (local.get $s)
          (array.new_data $string $words
            (i32.and (local.get $i) (i32.const 15)) (i32.add (i32.const 1) (i32.and (local.get $i) (i32.const 7))))))
        (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 10)))
          (then (local.set $sum (i32.add (local.get $sum) (call $hash (local.get $s))))))
        (br_if $in (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
