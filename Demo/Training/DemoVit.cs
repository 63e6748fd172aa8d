using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Trains the demo's vision transformer: it names the shape of the object with the white outline.</summary>
public static class DemoVit
{
    private const int EvaluationBatch = 100;

    /// <summary>Trains on freshly drawn scenes and measures the accuracy on held-out ones. The caller disposes the result.</summary>
    /// <exception cref="Core.OptionsException">The options do not hold.</exception>
    public static TrainedVit Train(DemoVitOptions options, IProgress<TrainingProgress> progress, CancellationToken stop = default)
    {
        var vit = new TrainableVit(options);
        try
        {
            using (var trainer = new VitTrainer(vit)) trainer.Run(progress, stop);
            return new TrainedVit(vit, Accuracy(vit.Model, options.HeldOut, stop: stop));
        }
        catch
        {
            vit.Dispose();
            throw;
        }
    }

    /// <summary>The share of scenes of a split whose class a model names.</summary>
    /// <param name="model">Takes pixels [B, 3, 64, 64] as <see cref="SceneBatch"/> holds them; returns logits [B, classes].</param>
    /// <param name="scenes">How many scenes, at least 1.</param>
    /// <param name="split">Of which split.</param>
    /// <param name="stop">Ends the work with <see cref="OperationCanceledException"/>.</param>
    public static double Accuracy(Core.HookedModel model, int scenes, SceneSplit split = SceneSplit.HeldOut, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scenes, 1);
        long right = 0;
        for (int first = 0; first < scenes; first += EvaluationBatch)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            SceneBatch batch = SceneBatch.Draw(split, first, Math.Min(EvaluationBatch, scenes - first));
            Tensor logits = model.Run(tensor(batch.Pixels, [batch.Scenes.Count, 3, Scene.Width, Scene.Width]));
            right += logits.argmax(1).eq(tensor(batch.Labels)).sum().item<long>();
        }
        return right / (double)scenes;
    }
}
