using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>
/// What can be had without seeing shapes: linear classifiers on the raw pixels and on the colour histogram. Scenes in which they do well
/// would be too easy to say anything about a model that does.
/// </summary>
public static class Baselines
{
    private const int BinsPerChannel = 8, BatchSize = 250;
    private const double LearningRate = 1e-3;

    /// <summary>Trains both classifiers on the same scenes and measures them on held-out ones.</summary>
    /// <param name="training">Training scenes, each seen once; at least one batch of 250.</param>
    /// <param name="heldOut">Held-out scenes, at least 1.</param>
    /// <param name="progress">Hears the share of the work that is done, in 0–1.</param>
    /// <param name="stop">Ends the work with <see cref="OperationCanceledException"/>.</param>
    public static BaselineReport Measure(int training = 50_000, int heldOut = 5000, IProgress<double>? progress = null, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(training, BatchSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(heldOut, 1);
        using var pixels = new SoftmaxRegression(3 * Scene.Width * Scene.Width, LearningRate);
        // Histograms hold a few large shares among many small ones; their roots are learned at larger steps.
        using var colours = new SoftmaxRegression(BinsPerChannel * BinsPerChannel * BinsPerChannel, 10 * LearningRate);
        int rightPixels = 0, rightColours = 0;
        var counts = new int[Enum.GetValues<ShapeKind>().Length];
        foreach ((SceneBatch batch, double done) in Batches(SceneSplit.Training, training))
        {
            stop.ThrowIfCancellationRequested();
            pixels.Learn(batch.Pixels, batch.Labels, 1 - done);
            colours.Learn(Histograms(batch), batch.Labels, 1 - done);
            progress?.Report(done * training / (training + heldOut));
        }
        foreach ((SceneBatch batch, double done) in Batches(SceneSplit.HeldOut, heldOut))
        {
            stop.ThrowIfCancellationRequested();
            rightPixels += pixels.Right(batch.Pixels, batch.Labels);
            rightColours += colours.Right(Histograms(batch), batch.Labels);
            foreach (long label in batch.Labels) counts[label]++;
            progress?.Report((training + done * heldOut) / (training + heldOut));
        }
        return new BaselineReport(rightPixels / (double)heldOut, rightColours / (double)heldOut, counts.Max() / (double)heldOut, training, heldOut);
    }

    /// <summary>[N, 512]: the square roots of the shares of pixels in each of 8 × 8 × 8 bins of red, green and blue.</summary>
    internal static float[] Histograms(SceneBatch batch)
    {
        const int area = Scene.Width * Scene.Width, bins = BinsPerChannel * BinsPerChannel * BinsPerChannel;
        var histograms = new float[batch.Scenes.Count * bins];
        for (int scene = 0; scene < batch.Scenes.Count; scene++)
        {
            Span<float> histogram = histograms.AsSpan(scene * bins, bins);
            ReadOnlySpan<float> planes = batch.Pixels.AsSpan(scene * 3 * area, 3 * area);
            for (int i = 0; i < area; i++) histogram[(Bin(planes[i]) * BinsPerChannel + Bin(planes[area + i])) * BinsPerChannel + Bin(planes[2 * area + i])]++;
            for (int bin = 0; bin < bins; bin++) histogram[bin] = MathF.Sqrt(histogram[bin] / area);
        }
        return histograms;

        static int Bin(float value) => Math.Min((int)((value * SceneBatch.Deviation + SceneBatch.Mean) * BinsPerChannel), BinsPerChannel - 1);
    }

    private static IEnumerable<(SceneBatch Batch, double Done)> Batches(SceneSplit split, int scenes)
    {
        for (int first = 0; first < scenes; first += BatchSize)
        {
            int count = Math.Min(BatchSize, scenes - first);
            yield return (SceneBatch.Draw(split, first, count), (first + count) / (double)scenes);
        }
    }

    /// <summary>One linear layer, cross-entropy, Adam with a falling learning rate.</summary>
    private sealed class SoftmaxRegression : IDisposable
    {
        private readonly int _features;
        private readonly double _learningRate;
        private readonly TorchSharp.Modules.Parameter _weight, _bias;
        private readonly optim.Optimizer _optimizer;

        public SoftmaxRegression(int features, double learningRate)
        {
            int classes = Enum.GetValues<ShapeKind>().Length;
            (_features, _learningRate) = (features, learningRate);
            _weight = Parameter(zeros(classes, features));
            _bias = Parameter(zeros(classes));
            _weight.DetachFromDisposeScope();
            _bias.DetachFromDisposeScope();
            _optimizer = optim.Adam([_weight, _bias], learningRate);
        }

        public void Learn(float[] rows, long[] labels, double rate)
        {
            using var scope = NewDisposeScope();
            foreach (optim.ILearningRateController group in _optimizer.ParamGroups) group.LearningRate = _learningRate * rate;
            Tensor loss = functional.cross_entropy(Logits(rows, labels.Length), tensor(labels));
            _optimizer.zero_grad();
            loss.backward();
            _optimizer.step();
        }

        public int Right(float[] rows, long[] labels)
        {
            using var frozen = no_grad();
            using var scope = NewDisposeScope();
            return (int)Logits(rows, labels.Length).argmax(1).eq(tensor(labels)).sum().item<long>();
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _weight.Dispose();
            _bias.Dispose();
        }

        private Tensor Logits(float[] rows, int count) => functional.linear(tensor(rows, [count, _features]), _weight, _bias);
    }
}
