using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>The worked example: d = 3, four features with unit decoder rows, two vectors. Every expected number was computed by hand in double precision.</summary>
internal static class Toy
{
    internal static Tensor X => Matrix([[1, 2, 3], [-.5f, .4f, 1.5f]]);

    internal static Tensor Rows => Matrix([[1, 0, 0], [0, 1, 0], [0, .6f, .8f], [.6f, .8f, 0]]);

    internal static CoderCard Card(string architecture, int inputs = 3, int features = 4) => new()
    {
        Architecture = architecture,
        Inputs = inputs,
        Features = features,
        Outputs = inputs,
    };

    internal static CoderWeights Weights(bool subtractsBias = true) => new()
    {
        Encoder = Rows,
        EncoderBias = tensor(new[] { -.1f, 0, -.2f, .05f }),
        Decoder = Rows,
        OutputBias = Bias,
        InputBias = subtractsBias ? Bias : null,
    };

    internal static Tensor Matrix(float[][] rows) => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length]);

    // Random weights of any size; the reading scale keeps some features silent.
    internal static StandardCoder Random(int width, int features, CoderCard? card = null, long seed = 1)
    {
        using var generator = new Generator((ulong)seed);
        var bias = randn(width, generator: generator) * 0.1;
        return new StandardCoder(
            (card ?? Card("standard")) with { Inputs = width, Features = features, Outputs = width },
            new CoderWeights
            {
                Encoder = randn(features, width, generator: generator),
                EncoderBias = randn(features, generator: generator),
                Decoder = randn(features, width, generator: generator) * 0.3,
                OutputBias = bias,
                InputBias = bias.clone(),
            });
    }

    private static Tensor Bias => tensor(new[] { .1f, -.2f, .3f });
}
