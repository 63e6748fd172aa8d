using System.CommandLine;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>Options of verbs that ask what the features of a coder do in its model, on pictures or clips.</summary>
internal sealed class CoderRunOptions
{
    private readonly Option<string?> _sae, _site;
    private readonly SaeOptions _coder;
    private readonly Option<string?> _model = new("--model") { HelpName = "PATH_OR_ID", Description = $"{Named.Model}; default: the model that the coder was trained on, where it is known" };
    private readonly Option<string[]> _images;
    private readonly Option<int> _batch;
    private readonly Option<int?> _threads;
    private readonly Option<bool> _json, _force;

    internal CoderRunOptions(Command command)
    {
        _sae = SaeOptions.Sae(command);
        _coder = new SaeOptions(command);
        command.Options.Add(_model);
        _images = Common.Images(command);
        command.Options.Add(_site = new Option<string?>("--site") { HelpName = "PLACE", Description = "The place that the coder reads, where its file does not say" });
        _batch = Common.Count(command, "--batch", 16, "Pictures at a time");
        _threads = Common.Threads(command);
        _json = Common.Json(command);
        command.Options.Add(_force = new Option<bool>("--force") { Description = "Use the coder although it names another model" });
    }

    /// <summary>Opens model, coder and pictures. Dispose it; tensors lie in the open scope.</summary>
    internal CoderRun Open(ParseResult parsed, Terminal terminal)
    {
        Common.UseThreads(parsed.GetValue(_threads));
        var (sae, force) = (parsed.GetValue(_sae)!, parsed.GetValue(_force));
        var coder = Coders.Load(Named.CoderPath(sae, terminal), _coder.Read(parsed));
        HookedModel? model = null;
        try
        {
            SaeOptions.Describe(coder.Card, terminal);
            var folder = CoderMatch.Model(parsed.GetValue(_model), sae, coder.Card, terminal);
            model = Models.Load(folder);
            CoderMatch.Check(sae, model.Card, force);
            var splice = CoderMatch.Place(sae, coder.Card, new SpliceOptions { Force = force, Reads = parsed.GetValue(_site) is { } named ? Site.Parse(named) : null });
            return new CoderRun(model, coder, folder, splice, terminal) { Named = parsed.GetValue(_images)!, Batch = parsed.GetValue(_batch), Json = parsed.GetValue(_json) };
        }
        catch
        {
            model?.Dispose();
            coder.Dispose();
            throw;
        }
    }
}

/// <summary>A coder beside its model, with the pictures that were named.</summary>
internal sealed class CoderRun(HookedModel model, ISparseCoder coder, string folder, SpliceOptions splice, Terminal terminal) : IDisposable
{
    internal HookedModel Model => model;

    internal ISparseCoder Coder => coder;

    internal SpliceOptions Splice => splice;

    /// <summary>The model's folder.</summary>
    internal string Folder => folder;

    internal required string[] Named { get; init; }

    internal required int Batch { get; init; }

    internal required bool Json { get; init; }

    /// <summary>Pictures or clips as a model takes them; the coder's own one by default.</summary>
    internal Sights Sights(IReadOnlyList<string> named, HookedModel? seer = null, string? from = null)
    {
        seer ??= model;
        var sights = Cli.Sights.Load(named, seer, Preprocess.Load(from ?? folder), new FrameSampling { Frames = (seer as IVideoModel)?.ClipFrames ?? 1 }, terminal);
        return sights.FrameByFrame ? throw new OptionsException($"{seer.Card.Name} takes pictures, and {sights.Names[0]} is a video; take single frames of it.") : sights;
    }

    /// <summary>Refuses features that the coder does not have.</summary>
    internal void Check(IEnumerable<int> features)
    {
        foreach (var feature in features)
            if (feature < 0 || feature >= coder.Card.Features) throw new OptionsException($"--feature {feature}: {coder.Card.Name} has {coder.Card.Features} (0 to {coder.Card.Features - 1}).");
    }

    public void Dispose()
    {
        model.Dispose();
        coder.Dispose();
    }
}
