using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Trains the demo's sparse autoencoder on one layer of the demo's vision transformer: all tokens, class token and patches alike.</summary>
public static class DemoSae
{
    /// <summary>What the demo's vision transformer calls itself; the coder names it as the model it was trained on.</summary>
    public const string ModelName = "prisma-net/demo-vit";

    private const int ScenesPerPass = 100;

    /// <summary>Trains on scenes that the model was trained on and measures on held-out ones. The caller disposes the result.</summary>
    /// <param name="model">Takes pixels [B, 3, 64, 64] as <see cref="SceneBatch"/> holds them.</param>
    /// <param name="options">The recipe.</param>
    /// <param name="progress">Told now and then.</param>
    /// <param name="stop">Ends the run with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="SiteNotFoundException">The model has no such layer.</exception>
    /// <exception cref="OptionsException">The options do not hold.</exception>
    public static TrainedSae Train(HookedModel model, DemoSaeOptions options, ITrainSink progress, CancellationToken stop = default) =>
        Train(model, options, (split, first, count) => tensor(SceneBatch.Draw(split, first, count).Pixels, [count, 3, Scene.Width, Scene.Width]), ModelName, progress, stop);

    /// <summary>The same on other inputs than scenes, such as clips.</summary>
    internal static TrainedSae Train(HookedModel model, DemoSaeOptions options, DemoInputs inputs, string modelName, ITrainSink progress, CancellationToken stop)
    {
        if (options.TrainingScenes < 1 || options.HeldOut < 1)
            throw new OptionsException($"TrainingScenes = {options.TrainingScenes} and HeldOut = {options.HeldOut} must be at least 1.");
        HookSite site = Site.ResidPost[options.Layer];
        var card = new CoderCard
        {
            Architecture = "",
            Inputs = 0,
            Features = 0,
            Outputs = 0,
            Reads = [site],
            Writes = [site],
            Origin = new Provenance { ModelName = modelName, HookName = site.ToString(), Scope = TokenScope.All },
        };
        Coder coder = Fitted(Tokens(model, site, inputs, options.TrainingScenes, stop), options, card, progress, stop);
        try
        {
            return new TrainedSae(coder, options, Measure(model, coder, site, inputs, options.HeldOut, stop));
        }
        catch
        {
            coder.Dispose();
            throw;
        }
    }

    /// <summary>Takes over the tokens.</summary>
    private static Coder Fitted(Tensor tokens, DemoSaeOptions options, CoderCard card, ITrainSink progress, CancellationToken stop)
    {
        string place = card.Reads[0].ToString();
        using var data = new MatrixSource(new Dictionary<string, Tensor> { [place] = tokens }, options.Seed);
        var job = new TrainJob { Name = "demo-sae", Reads = [place], Writes = [place], Features = options.Features, Settings = options.Settings };
        using CoderTraining run = Trainer.Fit([job], data, options.Run, progress, stop: stop).Single();
        return (Coder)run.Coder.Freeze(card);
    }

    /// <summary>[scenes · tokens, d]: what the place holds on training scenes.</summary>
    private static Tensor Tokens(HookedModel model, HookSite site, DemoInputs inputs, int scenes, CancellationToken stop)
    {
        Tensor? all = null;
        long row = 0;
        foreach (Tensor x in Activations(model, site, inputs, SceneSplit.Training, scenes, stop))
        {
            using (x)
            {
                using var scope = NewDisposeScope();
                Tensor rows = x.reshape(-1, x.shape[^1]);
                all ??= empty(scenes * x.shape[1], x.shape[^1]).DetachFromDisposeScope();
                all.narrow(0, row, rows.shape[0]).copy_(rows);
                row += rows.shape[0];
            }
        }
        return all!;
    }

    private static FidelityReport Measure(HookedModel model, Coder coder, HookSite site, DemoInputs inputs, int scenes, CancellationToken stop)
    {
        var fidelity = new Fidelity(coder);
        TokenLayout? layout = null;
        foreach (Tensor x in Activations(model, site, inputs, SceneSplit.HeldOut, scenes, stop))
        {
            using (x)
            {
                layout ??= LayoutOf(model, inputs);
                fidelity.Add(x, layout);
            }
        }
        return fidelity.Report();
    }

    private static TokenLayout? LayoutOf(HookedModel model, DemoInputs inputs)
    {
        using Tensor one = inputs(SceneSplit.HeldOut, 0, 1);
        return model.LayoutOf(one);
    }

    /// <summary>What the place holds, [up to 100, tokens, d] at a time; the caller disposes each.</summary>
    private static IEnumerable<Tensor> Activations(HookedModel model, HookSite site, DemoInputs inputs, SceneSplit split, int scenes, CancellationToken stop)
    {
        HookPlan plan = HookPlan.Empty.Keep(site).StopAfter(site);
        for (int first = 0; first < scenes; first += ScenesPerPass)
        {
            stop.ThrowIfCancellationRequested();
            yield return Pass(first, Math.Min(ScenesPerPass, scenes - first));
        }

        Tensor Pass(int first, int count)
        {
            using Tensor pixels = inputs(split, first, count);
            using Recording recording = model.Run(pixels, plan);
            return recording.Cache.Take(site);
        }
    }
}
