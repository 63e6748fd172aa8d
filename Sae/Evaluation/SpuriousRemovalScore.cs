namespace Prisma.Sae;

/// <summary>Spurious-correlation removal.</summary>
/// <param name="Biased">Accuracy on balanced data of the probe that learned from biased data.</param>
/// <param name="Clean">Accuracy of one that learned from balanced data.</param>
/// <param name="Accuracies">By the number of features taken out, the biased probe's accuracy afterwards.</param>
/// <param name="Scores">By that number, (after − biased) / (clean − biased); 0 where the bias costs less than 0.001.</param>
public sealed record SpuriousRemovalScore(double Biased, double Clean, IReadOnlyDictionary<int, double> Accuracies, IReadOnlyDictionary<int, double> Scores);
