//! AMX: a unit of the processor with eight registers of 16x16 numbers, which multiplies 16 rows by
//! 16 columns over 16 pairs of bfloat16 in one instruction.
//!
//! Its instructions are written out, since the compiler has no stable names for them. Linux lets a
//! process use the registers when it has asked once; before the unit is believed, it multiplies a
//! small matrix that is compared with plain code.
//!
//! Intel, *Architecture Instruction Set Extensions Programming Reference*, chapter 3.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

use super::tiles::{SIDE, Tiles, plain};

/// What `ldtilecfg` reads: how many bytes the rows of each register have, and how many rows.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    none: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// All eight registers as 16 rows of 64 bytes.
static SHAPES: Shapes = Shapes {
    palette: 1,
    start: 0,
    none: [0; 14],
    bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Whether the processor has the unit, the system lets this process use it, and it multiplies as
/// plain code does.
pub(super) fn exist() -> bool {
    static EXISTS: OnceLock<bool> = OnceLock::new();
    *EXISTS.get_or_init(|| allowed() && multiplies())
}

/// Asks the processor, and the system for the registers.
fn allowed() -> bool {
    // Leaf 7: bit 22 of EDX is AMX-BF16, bit 24 AMX-TILE.
    let features = __cpuid_count(7, 0).edx;
    let present = features >> 22 & 1 == 1 && features >> 24 & 1 == 1;
    present && is_x86_feature_detected!("avx512bf16") && granted()
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA)`.
#[cfg(target_os = "linux")]
fn granted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    let result: i64;
    // SAFETY: a system call that reads and writes no memory of the process.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") 0x1023i64,
            in("rsi") 18i64,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, nomem),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn granted() -> bool {
    false
}

/// Two blocks of pairs, in the unit and in plain code.
fn multiplies() -> bool {
    let steps = 2;
    let word = |i: usize| {
        let number = |i: usize| (((i * 37 % 23) as f32 - 11.0) * 0.25).to_bits() >> 16;
        f32::from_bits(number(i) | number(i + 5) << 16)
    };
    let (a, b): (Vec<f32>, Vec<f32>) = (
        (0..SIDE * SIDE / 2 * steps).map(word).collect(),
        (0..SIDE * SIDE / 2 * steps).map(|i| word(i * 3 + 1)).collect(),
    );
    let [mut got, mut right] = [[0f32; SIDE * SIDE]; 2];
    let tiles = |to| Tiles { steps, a: a.as_ptr(), lda: SIDE / 2 * steps, b: b.as_ptr(), ldb: SIDE, rows: SIDE, to };
    // SAFETY: both operands have 32 rows or columns of two steps; the unit is there.
    unsafe {
        plain(&tiles(right.as_mut_ptr()));
        configure();
        multiply(&tiles(got.as_mut_ptr()));
        release();
    }
    got.iter().zip(&right).all(|(got, right)| (got - right).abs() <= 1e-5 * right.abs().max(1.0))
}

/// Gives the registers of this thread their shapes.
///
/// # Safety
/// Where [`exist`].
pub(super) unsafe fn configure() {
    // SAFETY: a table of the form that the instruction reads.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &SHAPES, options(nostack, readonly)) }
}

/// Leaves the registers of this thread, so that the system need not save them.
///
/// # Safety
/// Where [`exist`].
pub(super) unsafe fn release() {
    // SAFETY: nothing is in them that is read again.
    unsafe { asm!("tilerelease", options(nostack, nomem)) }
}

/// Multiplies a block ([`Tiles`]), in registers: two of A, two of B, four of sums; fewer where it
/// has fewer rows or columns.
///
/// # Safety
/// Between [`configure`] and [`release`]; as [`plain`].
pub(super) unsafe fn multiply(tiles: &Tiles) {
    // SAFETY: the caller's promise.
    unsafe { if tiles.ldb == SIDE { wide(*tiles) } else { narrow(*tiles) } }
}

/// 32 columns.
unsafe fn wide(tiles: Tiles) {
    let Tiles { steps, a, lda, b, ldb, rows, to } = tiles;
    let low = a.wrapping_add(SIDE / 2 * lda);
    let (lda, ldb, ldc) = (lda * 4, ldb * 4, SIDE * 4);
    // SAFETY: the caller's promise; a step is 16 words further in A and 16 rows further in B.
    unsafe {
        if rows > SIDE / 2 {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{a} + {lda}*1]",
                "tileloadd tmm6, [{b} + {ldb}*1]",
                "tileloadd tmm7, [{b} + {ldb}*1 + 64]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{low} + {lda}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a}, 64", "add {low}, 64", "add {b}, {step}",
                "dec {steps}", "jnz 2b",
                "tilestored [{to} + {ldc}*1], tmm0",
                "tilestored [{to} + {ldc}*1 + 64], tmm1",
                "tilestored [{half} + {ldc}*1], tmm2",
                "tilestored [{half} + {ldc}*1 + 64], tmm3",
                a = inout(reg) a => _, low = inout(reg) low => _, b = inout(reg) b => _, steps = inout(reg) steps => _,
                lda = in(reg) lda, ldb = in(reg) ldb, step = in(reg) 16 * ldb, ldc = in(reg) ldc,
                to = in(reg) to, half = in(reg) to.add(SIDE / 2 * SIDE),
                options(nostack),
            );
        } else {
            asm!(
                "tilezero tmm0", "tilezero tmm1",
                "2:",
                "tileloadd tmm4, [{a} + {lda}*1]",
                "tileloadd tmm6, [{b} + {ldb}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {ldb}*1 + 64]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "add {a}, 64", "add {b}, {step}",
                "dec {steps}", "jnz 2b",
                "tilestored [{to} + {ldc}*1], tmm0",
                "tilestored [{to} + {ldc}*1 + 64], tmm1",
                a = inout(reg) a => _, b = inout(reg) b => _, steps = inout(reg) steps => _,
                lda = in(reg) lda, ldb = in(reg) ldb, step = in(reg) 16 * ldb, ldc = in(reg) ldc, to = in(reg) to,
                options(nostack),
            );
        }
    }
}

/// 16 columns.
unsafe fn narrow(tiles: Tiles) {
    let Tiles { steps, a, lda, b, ldb, rows, to } = tiles;
    let low = a.wrapping_add(SIDE / 2 * lda);
    let (lda, ldb, ldc) = (lda * 4, ldb * 4, SIDE * 4);
    // SAFETY: as above.
    unsafe {
        if rows > SIDE / 2 {
            asm!(
                "tilezero tmm0", "tilezero tmm2",
                "2:",
                "tileloadd tmm4, [{a} + {lda}*1]",
                "tileloadd tmm6, [{b} + {ldb}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{low} + {lda}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "add {a}, 64", "add {low}, 64", "add {b}, {step}",
                "dec {steps}", "jnz 2b",
                "tilestored [{to} + {ldc}*1], tmm0",
                "tilestored [{half} + {ldc}*1], tmm2",
                a = inout(reg) a => _, low = inout(reg) low => _, b = inout(reg) b => _, steps = inout(reg) steps => _,
                lda = in(reg) lda, ldb = in(reg) ldb, step = in(reg) 16 * ldb, ldc = in(reg) ldc,
                to = in(reg) to, half = in(reg) to.add(SIDE / 2 * SIDE),
                options(nostack),
            );
        } else {
            asm!(
                "tilezero tmm0",
                "2:",
                "tileloadd tmm4, [{a} + {lda}*1]",
                "tileloadd tmm6, [{b} + {ldb}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "add {a}, 64", "add {b}, {step}",
                "dec {steps}", "jnz 2b",
                "tilestored [{to} + {ldc}*1], tmm0",
                a = inout(reg) a => _, b = inout(reg) b => _, steps = inout(reg) steps => _,
                lda = in(reg) lda, ldb = in(reg) ldb, step = in(reg) 16 * ldb, ldc = in(reg) ldc, to = in(reg) to,
                options(nostack),
            );
        }
    }
}
