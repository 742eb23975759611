;; What the functions of every guest may use: an allocator that never frees, and deeds that need a
;; function.
(func $reserve (param $end i32)
  (local $missing i32)
  (local.set $missing (i32.sub
    (i32.shr_u (i32.add (local.get $end) (i32.const 65535)) (i32.const 16)) (memory.size)))
  (if (i32.gt_s (local.get $missing) (i32.const 0)) (then
    (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (unreachable))))))
(func $cabi_realloc (export "cabi_realloc") (param $old i32) (param $old_size i32)
  (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and
    (i32.sub (i32.add (global.get $free) (local.get $align)) (i32.const 1))
    (i32.sub (i32.const 0) (local.get $align))))
  (global.set $free (i32.add (local.get $at) (local.get $size)))
  (call $reserve (global.get $free))
  (memory.copy (local.get $at) (local.get $old) (local.get $old_size))
  (local.get $at))
(func $fill_spaces (param $count i32)
  (global.set $spaces
    (call $cabi_realloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $count)))
  (memory.fill (global.get $spaces) (i32.const 32) (local.get $count)))
(func $recurse (param $depth i32) (result i32)
  (i32.add (local.get $depth) (call $recurse (i32.add (local.get $depth) (i32.const 1)))))
(func $log_times (param $at i32) (param $length i32) (param $times i32)
  (loop $again
    (if (local.get $times) (then
      (call $log (i32.const 1) (local.get $at) (local.get $length))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br $again)))))
(func $log_text (param $at i32)
  (call $log (i32.const 0) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))
(func $log_pairs (param $at i32)
  (local $entry i32) (local $left i32)
  (local.set $entry (i32.load (local.get $at)))
  (local.set $left (i32.load offset=4 (local.get $at)))
  (loop $again
    (if (local.get $left) (then
      (call $log_text (local.get $entry))
      (call $log_text (i32.add (local.get $entry) (i32.const 8)))
      (local.set $entry (i32.add (local.get $entry) (i32.const 16)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $again)))))
(func $log_number (param $number i64)
  (local $at i32) (local $end i32)
  (local.set $end (i32.add
    (call $cabi_realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 20)) (i32.const 20)))
  (local.set $at (local.get $end))
  (loop $again
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at)
      (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
    (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
    (br_if $again (i64.ne (local.get $number) (i64.const 0))))
  (call $log (i32.const 0) (local.get $at) (i32.sub (local.get $end) (local.get $at))))
