using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Trains the painter's U-net with its text encoders to say which velocity leads from noise to a captioned picture's latent (v-prediction).</summary>
internal sealed class UnetTrainer : IDisposable
{
    private const int EncodedAtOnce = 50;

    // The ground is most of a picture and soon learnt; without this the shapes are hardly told apart.
    private const float ObjectWeight = 4;

    private readonly TrainablePainter _painter;
    private readonly IReadOnlyList<CaptionedPicture> _pictures;
    private readonly Tensor _latents;
    private readonly Generator _random;
    private readonly long[] _asked;

    /// <summary>Encodes all pictures once.</summary>
    public UnetTrainer(TrainablePainter painter, double scaling, CancellationToken stop)
    {
        _painter = painter;
        _pictures = CaptionedPicture.Draw(SceneSplit.Training, 0, painter.Options.Pictures);
        _asked = NoiseCourse.Asked(painter.Options.PaintingSteps);
        _random = new Generator((ulong)painter.Options.Seed + 1);
        using var scope = NewDisposeScope();
        _latents = cat([.. _pictures.Chunk(EncodedAtOnce).Select(some =>
        {
            stop.ThrowIfCancellationRequested();
            return painter.Encode(some);
        })]).mul_(scaling).DetachFromDisposeScope();
    }

    public void Run(IProgress<TrainingProgress> progress, CancellationToken stop)
    {
        var matrices = _painter.Matrices.ToHashSet();
        using var trainer = new ShardedTrainer(matrices, _painter.Painting.Where(parameter => !matrices.Contains(parameter)), _painter.Options.Recipe, Loss);
        trainer.Run(progress, stop);
    }

    public void Dispose()
    {
        _latents.Dispose();
        _random.Dispose();
    }

    private (Tensor Loss, double Right) Loss(long first, int count)
    {
        using var scope = NewDisposeScope();
        DemoPainterOptions options = _painter.Options;
        long[] chosen = [.. Enumerable.Range(0, count).Select(i => (first + i) * 7919 % _pictures.Count)];
        Tensor clean = _latents.index_select(0, tensor(chosen)), noise = randn(clean.shape, generator: _random);
        long[] times = randint(0, NoiseCourse.Times, [count], generator: _random).data<long>().ToArray();
        for (int i = 0; i < count; i++)
        {
            if (times[i] % 4 > 0) times[i] = _asked[times[i] / 4 % _asked.Length];
        }
        // Painting begins in noise alone. Were a little of the picture left there, its ground would be read from that and not from the caption.
        var course = times.Select(time => time == NoiseCourse.Times - 1 ? (Clean: 0, Noise: 1) : NoiseCourse.At(time)).ToArray();
        Tensor left = PerPicture(course.Select(at => at.Clean)), share = PerPicture(course.Select(at => at.Noise));
        Tensor told = rand([count], generator: _random).ge(options.NoCaption).to(float32);
        Tensor predicted = _painter.Predict(left * clean + share * noise, tensor(times), [.. chosen.Select(i => _pictures[(int)i].Caption)], told);
        Tensor velocity = left * noise - share * clean, square = (predicted - velocity).pow(2);
        Tensor loss = (square * Weights([.. chosen.Select(i => _pictures[(int)i])], clean.shape[^1])).mean();
        return (loss.MoveToOuterDisposeScope(), 1 - square.mean().item<float>() / velocity.var().item<float>());
    }

    /// <summary>How much each cell counts: [B, 1, side, side], more where the object can be. That the caption says, so it favours no answer.</summary>
    private static Tensor Weights(IReadOnlyList<CaptionedPicture> pictures, long side)
    {
        Tensor weights = ones([pictures.Count, 1, side, side]);
        for (int i = 0; i < pictures.Count; i++)
        {
            var (left, top, width) = pictures[i].Room;
            weights[i].narrow(1, (long)(top * side), (long)Math.Ceiling(width * side)).narrow(2, (long)(left * side), (long)Math.Ceiling(width * side)).fill_(ObjectWeight);
        }
        return weights;
    }

    private static Tensor PerPicture(IEnumerable<double> values) => tensor(values.Select(value => (float)value).ToArray()).view(-1, 1, 1, 1);
}
