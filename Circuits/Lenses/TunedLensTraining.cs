using Prisma.Core;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Trains a tuned lens: each layer's translator by itself, towards the model's own last answer at the same token.</summary>
public static class TunedLensTraining
{
    /// <summary>Trains on the streams of some inputs, which are kept in memory. Dispose the lens.</summary>
    /// <param name="model">The model; it is not changed.</param>
    /// <param name="batches">The inputs. Borrowed one after another.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="progress">Told the number of layers done.</param>
    /// <returns>The lens and, for each layer, the loss over all tokens without and with its translator: nats of KL, or 1 − cosine.</returns>
    /// <exception cref="NotApplicableException">The model does not end in a linear head on its residual stream.</exception>
    public static (TunedLens Lens, IReadOnlyList<(double Before, double After)> Losses) Fit(HookedModel model, IEnumerable<ModelInput> batches, TunedLensOptions? options = null, IProgress<int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        options ??= new TunedLensOptions();
        options.Check();
        var readout = LogitDirection.Readout(model);
        using var scope = NewDisposeScope();
        var (streams, classes) = Gather(model, readout, batches, options.AllTokens);
        var goal = Answer(readout, streams[^1], options).detach();
        var (layers, losses) = (new List<(Tensor, Tensor)>(), new List<(double, double)>());
        for (var layer = 0; layer < streams.Count - 1; layer++)
        {
            var (a, b, before, after) = Layer(readout, streams[layer], goal, options, classes || options.Directions is not null);
            layers.Add((a, b));
            losses.Add((before, after));
            progress?.Report(layer + 1);
        }
        return (new TunedLens(layers), losses);
    }

    // The streams before each block and after the last, [tokens, d] each, and whether the head gives logits of classes.
    private static (List<Tensor> Streams, bool Classes) Gather(HookedModel model, ILogitReadout readout, IEnumerable<ModelInput> batches, bool all)
    {
        var gathered = new List<List<Tensor>>();
        var classes = false;
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            using var recording = model.Run(batch, HookPlan.Empty.Keep(point => point.Site.Path.Part == readout.ReadoutPart && (point.Kind == Site.ResidPre || point.Kind == Site.ResidPost)));
            classes = recording.Outputs.ContainsKey("logits");
            using var streams = new ResidualStream(recording.Cache, readout.ReadoutPart).Accumulated();
            for (var k = 0; k < streams.Values.shape[0]; k++)
            {
                if (gathered.Count <= k) gathered.Add([]);
                var stream = streams.Values[k];
                var rows = all || readout.ReadToken is null ? stream.reshape(-1, stream.shape[2]) : stream.select(1, readout.ReadToken.Value);
                gathered[k].Add(rows.clone().MoveToOuterDisposeScope());
            }
        }
        if (gathered.Count == 0) throw new OptionsException("A tuned lens needs inputs to be trained on.");
        return ([.. gathered.Select(rows => cat(rows, 0))], classes);
    }

    private static Tensor Answer(ILogitReadout readout, Tensor stream, TunedLensOptions options)
    {
        var decoded = readout.Unembed(stream);
        return options.Directions is { } directions
            ? nn.functional.normalize(decoded).matmul(nn.functional.normalize(directions).t()) * options.LogitScale
            : decoded;
    }

    private static (Tensor A, Tensor B, double Before, double After) Layer(ILogitReadout readout, Tensor stream, Tensor goal, TunedLensOptions options, bool classes)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)options.Seed);
        var width = stream.shape[1];
        var a = nn.Parameter(zeros(width, width, device: stream.device));
        var b = nn.Parameter(zeros(width, device: stream.device));
        double Loss(Tensor x, Tensor towards)
        {
            using var inner = NewDisposeScope();
            using var mode = no_grad();
            return Distance(readout, x + nn.functional.linear(x, a, b), towards, options, classes).item<float>();
        }
        var before = Loss(stream, goal);
        using var optimizer = optim.Adam([a, b], options.LearningRate);
        using var graph = enable_grad();
        for (var step = 0; step < options.Steps; step++)
        {
            using var inner = NewDisposeScope();
            var chosen = randint(0, stream.shape[0], [Math.Min(options.Batch, stream.shape[0])], generator: generator).to(int64, stream.device);
            var x = stream.index_select(0, chosen);
            foreach (var group in optimizer.ParamGroups) group.LearningRate = options.LearningRate * (1 - (double)step / options.Steps);
            optimizer.zero_grad();
            Distance(readout, x + nn.functional.linear(x, a, b), goal.index_select(0, chosen), options, classes).backward();
            optimizer.step();
        }
        // A translator that did not help on the whole is left out: the lens is nowhere worse than the logit lens.
        var after = Loss(stream, goal);
        if (after > before) return (zeros(width, width).MoveToOuterDisposeScope(), zeros(width).MoveToOuterDisposeScope(), before, before);
        return (a.detach().clone().MoveToOuterDisposeScope(), b.detach().clone().MoveToOuterDisposeScope(), before, after);
    }

    // Nats of KL from the model's answer where there are classes, otherwise 1 − cosine of embeddings; mean over tokens.
    private static Tensor Distance(ILogitReadout readout, Tensor stream, Tensor goal, TunedLensOptions options, bool classes)
    {
        var answer = Answer(readout, stream, options);
        if (!classes) return 1 - (nn.functional.normalize(answer) * nn.functional.normalize(goal)).sum(-1L).mean();
        var towards = goal.log_softmax(-1);
        return (towards.exp() * (towards - answer.log_softmax(-1))).sum(-1L).mean();
    }
}
