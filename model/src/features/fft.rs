//! The power spectrum of a real frame, the same to the bit on every machine.

/// Plan for the spectra of frames of one length.
///
/// `rustfft` and `realfft` are faster, but not for a detector whose scores must be the same everywhere: they take their
/// sines and cosines from the platform's library, and choose at run time among kernels that round differently (with fused
/// multiply-add where the processor has it). Hence this small one: radix 2 (Cooley and Tukey, Mathematics of Computation
/// 19, 1965), with sines and cosines from `libm`, and nothing but additions and multiplications in a fixed order. A real
/// frame of n values is transformed as n/2 complex ones, the even places as real and the odd ones as imaginary parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fft {
    /// Where a value of the frame goes before `transform`: its place in the real half (even ones) or in the imaginary half
    /// (odd ones) of the work space, with the bits of the index reversed.
    places: Box<[usize]>,
    /// cos(2πk/n) and sin(2πk/n) for k below n/2.
    cosines: Box<[f64]>,
    sines: Box<[f64]>,
    /// The same for every stage by itself, that of width w from place w on, so that a stage reads them one after another
    /// and can work on several at once.
    stage_cosines: Box<[f64]>,
    stage_sines: Box<[f64]>,
}

impl Fft {
    /// A plan for frames of `size` values, a power of two from 4.
    pub(super) fn new(size: usize) -> Self {
        let half = size / 2;
        let reverse = |index: usize| index.reverse_bits() >> (usize::BITS - half.trailing_zeros());
        let angle = |k: usize| std::f64::consts::TAU * k as f64 / size as f64;
        let cosines: Box<[f64]> = (0..half).map(|k| libm::cos(angle(k))).collect();
        let sines: Box<[f64]> = (0..half).map(|k| libm::sin(angle(k))).collect();
        // A stage of width w uses every (n / 2w)-th of the n-th roots of unity; no stage has the width 0.
        let at = |place: usize| {
            let width = if place == 0 { 1 } else { 1 << place.ilog2() };
            place.saturating_sub(width) * (half / width)
        };
        Self {
            places: (0..size).map(|index| reverse(index / 2) + index % 2 * half).collect(),
            stage_cosines: (0..half).map(|place| cosines[at(place)]).collect(),
            stage_sines: (0..half).map(|place| sines[at(place)]).collect(),
            cosines,
            sines,
        }
    }

    /// Where the values of the frame go in the work space before `transform`.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    /// Transforms the work space, as long as the frame, in place: first its real half, then its imaginary half.
    pub(super) fn transform(&self, work: &mut [f64]) {
        let half = self.cosines.len();
        let (real, imaginary) = work.split_at_mut(half);
        let mut width = 1;
        while width < half {
            let cosines = &self.stage_cosines[width..2 * width];
            let sines = &self.stage_sines[width..2 * width];
            for (real, imaginary) in real.chunks_exact_mut(2 * width).zip(imaginary.chunks_exact_mut(2 * width)) {
                let (real_a, real_b) = real.split_at_mut(width);
                let (imaginary_a, imaginary_b) = imaginary.split_at_mut(width);
                let a = real_a.iter_mut().zip(imaginary_a);
                let b = real_b.iter_mut().zip(imaginary_b);
                for ((a, b), (cosine, sine)) in a.zip(b).zip(cosines.iter().zip(sines)) {
                    let turned = (*b.0 * cosine + *b.1 * sine, *b.1 * cosine - *b.0 * sine);
                    (*a.0, *b.0) = (*a.0 + turned.0, *a.0 - turned.0);
                    (*a.1, *b.1) = (*a.1 + turned.1, *a.1 - turned.1);
                }
            }
            width *= 2;
        }
    }

    /// The squared magnitude of bin `k`, from 0 to n/2, of a transformed work space. Bin k of the real frame is put
    /// together from bins k and n/2 − k of the complex one.
    pub(super) fn power(&self, work: &[f64], k: usize) -> f64 {
        let half = self.cosines.len();
        let (real, imaginary) = work.split_at(half);
        if k == 0 || k == half {
            let sum = if k == 0 { real[0] + imaginary[0] } else { real[0] - imaginary[0] };
            return sum * sum;
        }
        let mirror = half - k;
        let even_real = 0.5 * (real[k] + real[mirror]);
        let even_imaginary = 0.5 * (imaginary[k] - imaginary[mirror]);
        let odd_real = 0.5 * (imaginary[k] + imaginary[mirror]);
        let odd_imaginary = 0.5 * (real[mirror] - real[k]);
        let (cosine, sine) = (self.cosines[k], self.sines[k]);
        let bin_real = even_real + odd_real * cosine + odd_imaginary * sine;
        let bin_imaginary = even_imaginary + odd_imaginary * cosine - odd_real * sine;
        bin_real * bin_real + bin_imaginary * bin_imaginary
    }
}

#[cfg(test)]
mod tests {
    use realfft::RealFftPlanner;

    use super::*;
    use crate::random::Random;

    fn powers(frame: &[f64]) -> Vec<f64> {
        let fft = Fft::new(frame.len());
        let mut work = vec![0.0; frame.len()];
        for (value, place) in frame.iter().zip(fft.places()) {
            work[*place] = *value;
        }
        fft.transform(&mut work);
        (0..=frame.len() / 2).map(|bin| fft.power(&work, bin)).collect()
    }

    #[test]
    fn it_equals_realfft_for_every_length() {
        let mut random = Random::new(3);
        for exponent in 2..=12 {
            let mut frame: Vec<f64> = (0..1_usize << exponent).map(|_| random.unit() - 0.5).collect();
            let ours = powers(&frame);
            let plan = RealFftPlanner::<f64>::new().plan_fft_forward(frame.len());
            let mut theirs = plan.make_output_vec();
            plan.process(&mut frame, &mut theirs).unwrap();
            assert_eq!(ours.len(), theirs.len());
            for (bin, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert!((ours - theirs.norm_sqr()).abs() < 1e-10, "2^{exponent}, bin {bin}: {ours} is not {theirs}");
            }
        }
    }

    #[test]
    fn a_cosine_has_all_its_power_in_its_bin() {
        let frame: Vec<f64> = (0..64).map(|i| libm::cos(std::f64::consts::TAU * 5.0 * f64::from(i) / 64.0)).collect();
        for (bin, power) in powers(&frame).iter().enumerate() {
            let expected = if bin == 5 { 32.0 * 32.0 } else { 0.0 };
            assert!((power - expected).abs() < 1e-10, "bin {bin}: {power}");
        }
    }
}
