;; short_lived beside two million table elements, which refer to 1024 objects.
(module
  (type $cell (sub final (struct (field $value i32) (field $next (ref null $cell)))))
  (type $cells (sub final (array (mut (ref null $cell)))))
  (table $t 2000000 externref)
  (func $work (param $rounds i32) (result i32) (local $i i32) (local $list (ref null $cell)) (local $sum i32)
    (loop $round
      (local.set $i (i32.const 100000))
      (loop $make
        (local.set $list (struct.new $cell (local.get $i) (local.get $list)))
        (if (i32.eqz (i32.and (local.get $i) (i32.const 63)))
          (then
            (loop $walk
              (local.set $sum (i32.add (local.get $sum) (struct.get $cell $value (local.get $list))))
              (br_if $walk (i32.eqz (ref.is_null (local.tee $list (struct.get $cell $next (local.get $list)))))))))
        (br_if $make (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum))
  (func $fill (local $i i32) (local $cells (ref $cells))
    (local.set $cells (array.new_default $cells (i32.const 1024)))
    (loop $make
      (array.set $cells (local.get $cells) (local.get $i) (struct.new $cell (local.get $i) (ref.null $cell)))
      (br_if $make (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1024))))
    (local.set $i (i32.const 0))
    (loop $in
      (table.set $t (local.get $i)
        (extern.convert_any (array.get $cells (local.get $cells) (i32.and (local.get $i) (i32.const 1023)))))
      (br_if $in (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000000)))))
  (start $fill)
  (export "run" (func $work)))
