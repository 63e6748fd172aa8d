namespace Prisma.Demo;

/// <summary>Trains the demo's text-to-image model: SDXL's parts, small, on pictures whose captions say almost everything of them.</summary>
public static class DemoPainter
{
    /// <summary>What the model calls itself; its coders name it as the model they were trained on.</summary>
    public const string ModelName = "prisma-net/demo-painter";

    /// <summary>Trains the autoencoder, then the U-net with its text encoders. The caller disposes the result.</summary>
    /// <param name="options">The recipe.</param>
    /// <param name="autoencoder">Told after each step of the first part.</param>
    /// <param name="unet">Told after each step of the second.</param>
    /// <param name="start">A folder of such a model to go on from, whose autoencoder stays as it is; null to begin anew.</param>
    /// <param name="stop">Ends the run with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="Core.OptionsException">The options do not hold.</exception>
    public static TrainedPainter Train(DemoPainterOptions options, IProgress<TrainingProgress> autoencoder, IProgress<TrainingProgress> unet, string? start = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var painter = new TrainablePainter(options);
        try
        {
            double scaling = start is null ? Autoencoder(painter, autoencoder, stop) : painter.TakeOver(start);
            using (var trainer = new UnetTrainer(painter, scaling, stop)) trainer.Run(unet, stop);
            return new TrainedPainter(painter, scaling, wentOn: start is not null);
        }
        catch
        {
            painter.Dispose();
            throw;
        }
    }

    private static double Autoencoder(TrainablePainter painter, IProgress<TrainingProgress> progress, CancellationToken stop)
    {
        var trainer = new VaeTrainer(painter);
        trainer.Run(progress, stop);
        return trainer.Scaling();
    }
}
