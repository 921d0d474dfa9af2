;; short_lived below 100000 frames, each of which holds a cell of its own.
(module
  (type $cell (sub final (struct (field $value i32) (field $next (ref null $cell)))))
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
  (func $deep (param $depth i32) (param $rounds i32) (result i32) (local $own (ref $cell)) (local $result i32)
    (if (i32.eqz (local.get $depth)) (then (return (call $work (local.get $rounds)))))
    (local.set $own (struct.new $cell (local.get $depth) (ref.null $cell)))
    (local.set $result (call $deep (i32.sub (local.get $depth) (i32.const 1)) (local.get $rounds)))
    (i32.add (local.get $result) (i32.sub (struct.get $cell $value (local.get $own)) (local.get $depth))))
  (func (export "run") (param $rounds i32) (result i32) (call $deep (i32.const 100000) (local.get $rounds))))
