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
        options.Validate();
        var network = new VitNetwork(options);
        try
        {
            using (var trainer = new VitTrainer(network, options)) trainer.Run(progress, stop);
            return new TrainedVit(network, options, Accuracy(network, options.HeldOut, stop));
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    private static double Accuracy(VitNetwork network, int scenes, CancellationToken stop)
    {
        using var frozen = no_grad();
        long right = 0;
        for (int first = 0; first < scenes; first += EvaluationBatch)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            SceneBatch batch = SceneBatch.Draw(SceneSplit.HeldOut, first, Math.Min(EvaluationBatch, scenes - first));
            Tensor classes = network.Forward(tensor(batch.Pixels, [batch.Scenes.Count, 3, Scene.Width, Scene.Width])).Classes;
            right += classes.argmax(1).eq(tensor(batch.Labels)).sum().item<long>();
        }
        return right / (double)scenes;
    }
}
