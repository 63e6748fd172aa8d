using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Coders whose metrics are known without computing them.</summary>
internal static class Laws
{
    // A large bias keeps every feature positive, so the coder is linear: x̂ = scale·x + shift.
    internal static StandardCoder Identity(int width, float shift = 0, float scale = 1, CoderCard? card = null) => new(
        (card ?? Toy.Card("standard")) with { Inputs = width, Features = width, Outputs = width },
        new CoderWeights { Encoder = eye(width), EncoderBias = ones(width) * 50, Decoder = eye(width) * scale, OutputBias = ones(width) * (shift - 50 * scale) });

    /// <summary>A coder that predicts zeros.</summary>
    internal static StandardCoder Zero(int width, CoderCard card) => new(
        card with { Inputs = width, Features = width, Outputs = width },
        new CoderWeights { Encoder = eye(width), EncoderBias = ones(width) * -1e6, Decoder = eye(width), OutputBias = zeros(width) });

    /// <summary>The variance by which explained variance divides, of x moved away from zero.</summary>
    internal static double Variance(Tensor x, double away)
    {
        using var scope = NewDisposeScope();
        using var coder = Given.Coder((int)x.shape[1], 1, rows => zeros(rows.shape[0], 1), rows => rows + 1);
        var measurement = new CoderMeasurement(coder);
        foreach (var part in (x.to(float64) + away).split(100)) measurement.Add(part);
        var row = measurement.Report()["all"];
        return row[MetricName.Mse] / row[MetricName.Fvu];
    }
}
