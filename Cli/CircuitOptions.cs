using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli;

/// <summary>Options and inputs that the verbs on circuits share: a model, clean and corrupted pictures, a target, a budget of time.</summary>
internal sealed class CircuitOptions
{
    private readonly Option<string> _model;
    private readonly Option<string[]> _clean, _corrupt = new("--corrupt") { HelpName = "FILE|FOLDER|GLOB", AllowMultipleArgumentsPerToken = true, Description = "As many pictures that do not show the behaviour, one for each --image" };
    private readonly Option<string> _by = new("--corrupt-by") { HelpName = "blur|mean|noise|swap", DefaultValueFactory = _ => "blur", Description = "Without --corrupt: how the pictures lose their content" };
    private readonly Option<string?> _target = new("--target") { HelpName = "TARGET", Description = "class:281, label:cat, diff:A,B, logprob:281; default: the class that the model chose" };
    private readonly Option<double> _budget = new("--budget") { HelpName = "SECONDS", DefaultValueFactory = _ => 600, Description = "Refuse work that is estimated to take longer" };
    private readonly Option<int> _rows;
    private readonly Option<string?> _out = new("--out") { HelpName = "FOLDER", Description = "The folder for a page and pictures" };
    private readonly Option<long> _seed;
    private readonly Option<int?> _threads;
    private readonly Option<bool> _json, _force;

    internal CircuitOptions(Command command, bool pairs = true)
    {
        _model = Common.Model(command);
        _clean = Common.Images(command);
        if (pairs) foreach (var option in new Option[] { _corrupt, _by }) command.Options.Add(option);
        foreach (var option in new Option[] { _target, _budget, _out }) command.Options.Add(option);
        _rows = Common.Count(command, "--batch", 32, "Changed copies of pictures in one pass");
        _seed = Common.Seed(command);
        _threads = Common.Threads(command);
        _json = Common.Json(command);
        _force = Common.Force(command);
    }

    /// <summary>Opens what a run needs. Dispose it; its tensors lie in the open scope.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="terminal">For remarks.</param>
    /// <param name="asks">Whether the verb reads a target; then one that the model lacks is found here.</param>
    internal CircuitInputs Open(ParseResult parsed, Terminal terminal, bool asks = true)
    {
        Common.UseThreads(parsed.GetValue(_threads));
        var existing = Common.Existing(parsed.GetValue(_force));
        if (parsed.GetValue(_out) is { } wanted) AtomicFile.CheckTarget(Path.Combine(wanted, "report.html"), existing);
        var folder = Named.Folder(parsed.GetValue(_model)!, terminal);
        var preprocess = Preprocess.Load(folder);
        var model = Models.Load(folder);
        try
        {
            var sights = Seen(parsed.GetValue(_clean)!, model, preprocess, terminal);
            var clean = sights.ToTensor();
            var target = new TargetText().Parse(parsed.GetValue(_target), model.Card);
            if (asks) using (var plain = model.Run(clean, target.Ask(HookPlan.Empty))) target.Of(plain).Dispose();
            return new CircuitInputs(model, sights, clean, target, terminal)
            {
                Rows = parsed.GetValue(_rows),
                Budget = parsed.GetValue(_budget),
                Out = parsed.GetValue(_out),
                Seed = parsed.GetValue(_seed),
                Json = parsed.GetValue(_json),
                Existing = existing,
                Paired = parsed.GetValue(_corrupt) is { Length: > 0 },
                Corrupted = () => Corrupt(parsed, model, preprocess, clean, terminal),
            };
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static Sights Seen(string[] named, HookedModel model, Preprocess preprocess, Terminal terminal)
    {
        var sights = Sights.Load(named, model, preprocess, new FrameSampling { Frames = (model as IVideoModel)?.ClipFrames ?? 1 }, terminal);
        return sights.FrameByFrame ? throw new OptionsException($"{model.Card.Name} takes pictures, and {sights.Names[0]} is a video; take single frames of it.") : sights;
    }

    private (Sights? Sights, Tensor Pixels) Corrupt(ParseResult parsed, HookedModel model, Preprocess preprocess, Tensor clean, Terminal terminal)
    {
        if (parsed.GetValue(_corrupt) is { Length: > 0 } named)
        {
            var sights = Seen(named, model, preprocess, terminal);
            return (sights, sights.ToTensor());
        }
        if (clean.dim() != 4) throw new OptionsException("--corrupt-by changes single pictures; name clips that do not show the behaviour with --corrupt.");
        return Enum.TryParse<CorruptionKind>(parsed.GetValue(_by), ignoreCase: true, out var kind) && Enum.IsDefined(kind)
            ? (null, Corruption.Of(clean, kind, parsed.GetValue(_seed)))
            : throw new OptionsException($"--corrupt-by {parsed.GetValue(_by)}: expected blur, mean, noise or swap.");
    }
}

/// <summary>What a verb on circuits works on.</summary>
internal sealed class CircuitInputs(HookedModel model, Sights sights, Tensor clean, Target target, Terminal terminal) : IDisposable
{
    private (Sights? Sights, Tensor Pixels)? _corrupt;

    internal HookedModel Model => model;

    /// <summary>The pictures of a model of single pictures.</summary>
    internal PictureBatch Pictures => sights.Clips.Count == 0 ? sights.Pictures : throw new OptionsException($"This verb draws on single pictures, and {model.Card.Name} sees clips.");

    /// <summary>Whether the model sees clips.</summary>
    internal bool SeesClips => sights.Clips.Count > 0;

    internal Tensor Clean => clean;

    internal Tensor Corrupt => (_corrupt ??= Corrupted()).Pixels;

    internal Target Target => target;

    internal required int Rows { get; init; }

    internal required double Budget { get; init; }

    internal required string? Out { get; init; }

    internal required long Seed { get; init; }

    internal required bool Json { get; init; }

    internal required ExistingFile Existing { get; init; }

    /// <summary>Whether corrupted pictures were named.</summary>
    internal required bool Paired { get; init; }

    internal required Func<(Sights? Sights, Tensor Pixels)> Corrupted { get; init; }

    internal PatchOptions Options => new() { Rows = Rows };

    /// <summary>Pictures in passes of so many rows.</summary>
    internal IEnumerable<ModelInput> Batches(Tensor pixels) => pixels.split(Rows).Select(part => (ModelInput)part);

    /// <summary>Says how many passes of one picture come and how long they take, and refuses what is beyond the budget.</summary>
    internal void Spend(double passes)
    {
        using var one = clean.narrow(0, 0, 1);
        model.Run(one).Dispose();
        var clock = Stopwatch.StartNew();
        model.Run(one).Dispose();
        var seconds = passes * clock.Elapsed.TotalSeconds;
        terminal.Remark(string.Create(CultureInfo.InvariantCulture, $"About {passes:n0} passes of one picture, {seconds:f1} s."));
        if (seconds > Budget)
            throw new OptionsException(string.Create(CultureInfo.InvariantCulture, $"This takes about {seconds:f0} s, more than --budget {Budget:f0}. Raise it, or take fewer pictures, places or columns."));
    }

    /// <summary>Writes a page with tables, where a folder was named; the pictures come first unless the page shows them itself.</summary>
    internal void Draw(string heading, IReadOnlyList<string> notes, IReadOnlyList<MatrixPictures.Sheet> sheets, Action<HtmlReport>? more = null, bool originals = true)
    {
        if (Out is not { } folder) return;
        foreach (var file in MatrixPictures.Write(folder, heading, notes, sheets, Existing, Provenance.Sentence(model), more, originals ? Originals : null)) terminal.Remark($"Wrote {file}.");
    }

    // What the numbers are about, beside them; of many pictures the first.
    private void Originals(HtmlReport report)
    {
        const int Most = 8, Side = 128;
        if (SeesClips) return;
        IEnumerable<(RgbImage, string)> Shown(PictureBatch batch, string then = "") => batch.Pictures.Zip(batch.Names).Take(Most).Select(one => (Sized(one.First, Side), Path.GetFileName(one.Second) + then));
        var count = Pictures.Names.Count;
        report.Section(count == 1 ? "The picture" : count > Most ? $"The first {Most} of {count} pictures" : "The pictures")
            .Pictures([.. Shown(Pictures), .. _corrupt is { Sights: { } others } ? Shown(others.Pictures, ", corrupted") : []]);
    }

    private static RgbImage Sized(RgbImage picture, int longest)
    {
        var scale = (double)longest / Math.Max(picture.Width, picture.Height);
        return picture.Resize(Math.Max(1, (int)(picture.Width * scale)), Math.Max(1, (int)(picture.Height * scale)), ResizeFilter.Bicubic);
    }

    /// <summary>A table for JSON: rows of numbers; NaN and infinities as words.</summary>
    internal static double[][] Rowwise(double[,] values) => [.. Enumerable.Range(0, values.GetLength(0)).Select(row => Enumerable.Range(0, values.GetLength(1)).Select(column => values[row, column]).ToArray())];

    public void Dispose() => model.Dispose();
}
