namespace Prisma;

/// <summary>How like pictures are to their originals when coders' reconstructions stand in for what blocks add; means over pictures.</summary>
/// <param name="Psnr">Peak signal to noise in dB; infinite where nothing changed.</param>
/// <param name="Ssim">Structural similarity, the substitute for LPIPS; 1 where nothing changed.</param>
/// <param name="Embedded">1 − cos in embedding space; null without a model.</param>
public sealed record ReconstructionQuality(double Psnr, double Ssim, double? Embedded);
