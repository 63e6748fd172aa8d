namespace Prisma.Demo;

/// <summary>Accuracies in 0–1 on held-out scenes: of a linear probe on pixels, of a colour-histogram classifier, and of always naming the most frequent class.</summary>
public sealed record BaselineReport(double PixelProbe, double ColourHistogram, double MostFrequent, int TrainingScenes, int HeldOutScenes);
