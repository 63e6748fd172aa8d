namespace Prisma.Sae;

/// <summary>What was measured of a coder, on activations alone or inside its model.</summary>
/// <param name="Report">Reconstruction and usage.</param>
/// <param name="Losses">With the coder spliced in; empty where no model was run.</param>
/// <param name="Monosemanticity">The score of every feature; empty where pictures had no embeddings.</param>
/// <param name="Highest">Every feature's largest activation.</param>
public sealed record EvaluationResult(CoderReport Report, IReadOnlyList<LossRow> Losses, IReadOnlyList<double> Monosemanticity, IReadOnlyList<float> Highest);
