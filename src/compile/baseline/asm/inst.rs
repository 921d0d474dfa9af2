//! Single instructions.

use super::operand::*;
use super::{Asm, emit};
use cranelift_assembler_x64 as x64;
use cranelift_assembler_x64::CodeSink;
use std::num::NonZeroU8;

/// Instructions with two operands, the result in the first. The second can be a register or memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alu {
    Add,
    Sub,
    And,
    Or,
    Xor,
    /// Sets only the flags.
    Cmp,
}

macro_rules! alu {
    ($($op:ident: $lrm:ident $qrm:ident $lmi:ident $qmi:ident $lmi8:ident $qmi8:ident;)*) => {
        /// `dst op= src`.
        pub fn alu(&mut self, op: Alu, w: Width, dst: Gpr, src: impl Into<GprMem>) {
            let src = src.into();
            match op {
                $(Alu::$op => emit!(*self, w, $lrm | $qrm(dst, src)),)*
            }
        }

        /// `dst op= src`, where `src` is sign-extended to the width.
        pub fn alu_imm(&mut self, op: Alu, w: Width, dst: impl Into<GprMem>, src: i32) {
            let dst = dst.into();
            match (op, i8::try_from(src)) {
                $((Alu::$op, Ok(short)) => emit!(*self, w, $lmi8 | $qmi8(dst, short)),)*
                $((Alu::$op, Err(_)) => emit!(*self, w, $lmi | $qmi(dst, src)),)*
            }
        }
    };
}

/// A shift or rotation of an integer. Immediate counts must be less than the width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shift {
    Left,
    SignedRight,
    Right,
    RotateLeft,
    RotateRight,
}

macro_rules! shifts {
    ($($op:ident: $lmc:ident $qmc:ident $lmi:ident $qmi:ident;)*) => {
        /// Shifts by `rcx`, modulo the width.
        pub fn shift(&mut self, op: Shift, w: Width, dst: Gpr) {
            match op {
                $(Shift::$op => emit!(*self, w, $lmc | $qmc(dst, RCX)),)*
            }
        }

        pub fn shift_imm(&mut self, op: Shift, w: Width, dst: Gpr, by: u8) {
            match op {
                $(Shift::$op => emit!(*self, w, $lmi | $qmi(dst, by)),)*
            }
        }
    };
}

macro_rules! by_condition {
    ($($number:literal $set:ident $lmov:ident $qmov:ident;)*) => {
        /// Sets the lowest byte of `dst` to 1 if the condition holds, otherwise to 0. Preserves the flags.
        pub fn set(&mut self, cc: Cc, dst: Gpr) {
            match cc.0 {
                $($number => emit!(*self, $set(dst)),)*
                _ => unreachable!("16 conditions"),
            }
        }

        /// `dst = src` if the condition holds.
        pub fn mov_if(&mut self, cc: Cc, w: Width, dst: Gpr, src: impl Into<GprMem>) {
            let src = src.into();
            match cc.0 {
                $($number => emit!(*self, w, $lmov | $qmov(dst, src)),)*
                _ => unreachable!("16 conditions"),
            }
        }
    };
}

impl Asm {
    alu! {
        Add: addl_rm addq_rm addl_mi addq_mi_sxl addl_mi_sxb addq_mi_sxb;
        Sub: subl_rm subq_rm subl_mi subq_mi_sxl subl_mi_sxb subq_mi_sxb;
        And: andl_rm andq_rm andl_mi andq_mi_sxl andl_mi_sxb andq_mi_sxb;
        Or: orl_rm orq_rm orl_mi orq_mi_sxl orl_mi_sxb orq_mi_sxb;
        Xor: xorl_rm xorq_rm xorl_mi xorq_mi_sxl xorl_mi_sxb xorq_mi_sxb;
        Cmp: cmpl_rm cmpq_rm cmpl_mi cmpq_mi cmpl_mi_sxb cmpq_mi_sxb;
    }

    shifts! {
        Left: shll_mc shlq_mc shll_mi shlq_mi;
        SignedRight: sarl_mc sarq_mc sarl_mi sarq_mi;
        Right: shrl_mc shrq_mc shrl_mi shrq_mi;
        RotateLeft: roll_mc rolq_mc roll_mi rolq_mi;
        RotateRight: rorl_mc rorq_mc rorl_mi rorq_mi;
    }

    by_condition! {
        0 seto_m cmovol_rm cmovoq_rm;
        1 setno_m cmovnol_rm cmovnoq_rm;
        2 setb_m cmovbl_rm cmovbq_rm;
        3 setae_m cmovael_rm cmovaeq_rm;
        4 sete_m cmovel_rm cmoveq_rm;
        5 setne_m cmovnel_rm cmovneq_rm;
        6 setbe_m cmovbel_rm cmovbeq_rm;
        7 seta_m cmoval_rm cmovaq_rm;
        8 sets_m cmovsl_rm cmovsq_rm;
        9 setns_m cmovnsl_rm cmovnsq_rm;
        10 setp_m cmovpl_rm cmovpq_rm;
        11 setnp_m cmovnpl_rm cmovnpq_rm;
        12 setl_m cmovll_rm cmovlq_rm;
        13 setge_m cmovgel_rm cmovgeq_rm;
        14 setle_m cmovlel_rm cmovleq_rm;
        15 setg_m cmovgl_rm cmovgq_rm;
    }

    // The following instructions preserve the flags.

    pub fn mov(&mut self, w: Width, dst: Gpr, src: impl Into<GprMem>) {
        let src = src.into();
        if w == W64 && src == GprMem::Gpr(dst) {
            return;
        }
        emit!(*self, w, movl_rm | movq_rm(dst, src));
    }

    pub fn mov_imm(&mut self, dst: Gpr, v: u64) {
        if let Ok(short) = u32::try_from(v) {
            emit!(*self, movl_oi(dst, short));
        } else if let Ok(signed) = i32::try_from(v as i64) {
            emit!(*self, movq_mi_sxl(dst, signed));
        } else {
            emit!(*self, movabsq_oi(dst, v));
        }
    }

    pub fn store(&mut self, w: Width, dst: Mem, src: Gpr) {
        emit!(*self, w, movl_mr | movq_mr(dst, src));
    }

    pub fn store_imm(&mut self, w: Width, dst: Mem, v: i32) {
        emit!(*self, w, movl_mi | movq_mi_sxl(dst, v));
    }

    pub fn lea(&mut self, w: Width, dst: Gpr, src: Mem) {
        emit!(*self, w, leal_rm | leaq_rm(dst, src));
    }

    pub fn load_float(&mut self, w: Width, dst: Xmm, src: Mem) {
        emit!(*self, w, movss_a_m | movsd_a_m(dst, src));
    }

    pub fn store_float(&mut self, w: Width, dst: Mem, src: Xmm) {
        emit!(*self, w, movss_c_m | movsd_c_m(dst, src));
    }

    pub fn load_vector(&mut self, dst: Xmm, src: Mem) {
        emit!(*self, movups_a(dst, src));
    }

    pub fn store_vector(&mut self, dst: Mem, src: Xmm) {
        emit!(*self, movups_b(dst, src));
    }

    pub fn mov_float(&mut self, dst: Xmm, src: Xmm) {
        if dst != src {
            emit!(*self, movaps_a(dst, src));
        }
    }

    /// Copies the bits of a general-purpose register into a vector register.
    pub fn float_of_bits(&mut self, w: Width, dst: Xmm, src: Gpr) {
        emit!(*self, w, movd_a | movq_a(dst, src));
    }

    pub fn bits_of_float(&mut self, w: Width, dst: Gpr, src: Xmm) {
        emit!(*self, w, movd_b | movq_b(dst, src));
    }

    /// Sets the zero flag and the sign flag according to a register.
    pub fn test(&mut self, w: Width, r: Gpr) {
        emit!(*self, w, testl_mr | testq_mr(r, r));
    }

    /// Always faults.
    pub fn ud2(&mut self) {
        self.put2(0x0b0f);
    }

    /// Sign- or zero-extends `rax` into `rdx` and divides. The quotient is in `rax`, the remainder in `rdx`. Faults if
    /// the quotient is undefined or does not fit.
    pub fn divide(&mut self, w: Width, signed: bool, by: Gpr) {
        let unused = x64::TrapCode(NonZeroU8::MIN);
        if signed {
            match w {
                W32 => emit!(*self, cltd_zo(RDX, RAX)),
                W64 => emit!(*self, cqto_zo(RDX, RAX)),
            }
            emit!(*self, w, idivl_m | idivq_m(RAX, RDX, by, unused));
        } else {
            self.mov_imm(RDX, 0);
            emit!(*self, w, divl_m | divq_m(RAX, RDX, by, unused));
        }
    }

    /// Exchanges two 64-bit registers.
    pub fn exchange(&mut self, a: Gpr, b: Gpr) {
        self.put1(0x48 | (a.0 >> 3) << 2 | b.0 >> 3);
        self.put1(0x87);
        self.put1(0xc0 | (a.0 & 7) << 3 | b.0 & 7);
    }

    /// Stores `rax` into `rcx` words, starting at `rdi`.
    pub fn rep_stosq(&mut self) {
        self.put1(0xf3);
        self.put2(0xab48);
    }

    pub fn ret(&mut self) {
        self.put1(0xc3);
    }

    /// Returns and pops this many bytes of arguments.
    pub fn ret_and_pop(&mut self, bytes: u16) {
        self.put1(0xc2);
        self.put2(bytes);
    }
}
