using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Demo;
using Prisma.Sae;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Measures a sparse coder.</summary>
internal sealed class SaeEvalCommand : Verb
{
    internal override string Name => "sae eval";

    internal override string Description =>
        "Measures a sparse coder on stored activations, on pictures or texts seen by its model, or on drawn scenes whose content is known.\n"
        + "Example: prisma sae eval --sae weights/demo/sae --scenes 400 --out evaluation";

    internal override void Fill(Command command, Terminal terminal)
    {
        var sae = SaeOptions.Sae(command);
        var coderOptions = new SaeOptions(command);
        var model = Common.Model(command, required: false);
        var text = new TextOption(command);
        var images = Common.Images(command, required: false);
        var scenes = new Option<int>("--scenes") { HelpName = "N", Description = "Measure on so many drawn scenes that no demo weights were trained on; the model is the demo's unless --model names one" };
        var tensors = new Option<string?>("--tensors") { HelpName = "FILE", Description = "Measure on activations x [..., d_in] (and y, where the coder predicts something else) of a file" };
        var data = new Option<string?>("--data") { HelpName = "FOLDER", Description = "Measure on harvested activations: a folder made by sae harvest" };
        var labels = new Option<string?>("--labels") { HelpName = "FILE", Description = "Lines of picture, tab or comma, class: adds the cross-entropy with the coder spliced in" };
        var captions = new Option<string?>("--captions") { HelpName = "FILE", Description = "Lines of picture, tab or comma, caption: adds CLIP's contrastive loss" };
        var embedder = new Option<string?>("--embedder") { HelpName = "FOLDER", Description = "The model whose embeddings say which pictures look alike; default: the coder's own model" };
        var compare = new Option<string?>("--compare") { HelpName = "FILE|FOLDER", Description = "Another coder: adds the mean max cosine similarity of their decoders" };
        var known = new Option<string?>("--directions") { HelpName = "FILE", Description = "Known directions [n, d_out], a tensor 'directions': adds how well features match them" };
        var site = new Option<string?>("--site") { HelpName = "PLACE", Description = "The place that the coder reads, where its file does not say" };
        var dead = new Option<double>("--dead") { HelpName = "SHARE", Description = "A feature is dead if it fires on at most this share of vectors; default 0" };
        var dense = new Option<double>("--dense") { HelpName = "SHARE", DefaultValueFactory = _ => new UsageOptions().Dense, Description = "A feature is dense if it fires on more than this share" };
        var batch = new Option<int>("--batch") { HelpName = "N", DefaultValueFactory = _ => 16, Description = "Pictures or windows of text at a time" };
        foreach (var option in new Option[] { scenes, tensors, data, labels, captions, embedder, compare, known, site, dead, dense, batch }) command.Options.Add(option);
        var output = Common.Out(command, "The folder for report.html and evaluation.json", required: false);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var usage = new UsageOptions { Dead = parsed.GetValue(dead), Dense = parsed.GetValue(dense) };
            usage.Validate();
            var given = new[] { parsed.GetValue(scenes) > 0, parsed.GetValue(tensors) is not null, parsed.GetValue(data) is not null, parsed.GetValue(images) is { Length: > 0 }, text.IsGiven(parsed) }.Count(chosen => chosen);
            if (given != 1) throw new OptionsException("Say on what to measure, with one of --image or --text (and --model), --data, --tensors, --scenes.");
            if (parsed.GetValue(output) is { } place && !parsed.GetValue(force) && File.Exists(Path.Combine(place, ReportFile)))
                throw new OptionsException($"'{Path.Combine(place, ReportFile)}' exists already. Choose another folder, or use --force.");
            using var scope = NewDisposeScope();
            using var coder = Coders.Load(Named.CoderPath(parsed.GetValue(sae)!, terminal), coderOptions.Read(parsed));
            SaeOptions.Describe(coder.Card, terminal);
            var splice = CoderMatch.Place(parsed.GetValue(sae)!, coder.Card, new SpliceOptions { Force = parsed.GetValue(force), Reads = parsed.GetValue(site) is { } named ? Site.Parse(named) : null });
            var work = new Work(terminal, coder, splice, usage, (ulong)parsed.GetValue(seed));
            var (result, dataset, sceneScores) = parsed.GetValue(tensors) is { } file ? work.OnTensors(file)
                : parsed.GetValue(data) is { } harvest ? work.OnHarvest(harvest)
                : text.IsGiven(parsed) ? work.OnTexts(parsed.GetValue(model) is { } reader ? Named.Folder(reader, terminal) : null, (folder, loaded) => text.Open(parsed, folder, loaded)!, parsed.GetValue(batch))
                : parsed.GetValue(scenes) is > 0 and var count ? work.OnScenes(parsed.GetValue(model) is { } seer ? Named.Folder(seer, terminal) : null, count)
                : work.OnPictures(parsed.GetValue(model) is { } eye ? Named.Folder(eye, terminal) : null, parsed.GetValue(images)!, parsed.GetValue(batch), parsed.GetValue(labels), parsed.GetValue(captions), parsed.GetValue(embedder) is { } judge ? Named.Folder(judge, terminal) : null);
            var mmcs = parsed.GetValue(compare) is { } other ? Compare(coder, other, coderOptions.Read(parsed)) : (double?)null;
            var directions = parsed.GetValue(known) is { } path ? Known(coder, path) : null;
            var record = EvaluationJson.Of(result, dataset, (ulong)parsed.GetValue(seed), mmcs, directions, sceneScores);
            if (parsed.GetValue(output) is { } folder) Save(folder, result, dataset, sceneScores, record, terminal, Common.Existing(parsed.GetValue(force)));
            if (parsed.GetValue(json)) terminal.Json(record);
            else EvaluationTables.Print(terminal, result, sceneScores, mmcs, directions);
            return ExitCode.Good;
        });
    }

    private const string ReportFile = "report.html";

    private static void Save(string folder, EvaluationResult result, string dataset, SceneScores? scenes, object record, Terminal terminal, ExistingFile existing)
    {
        var page = EvaluationPage.Of(result, dataset);
        if (scenes is not null) ScenePage.Add(page, scenes);
        var (html, json) = (Path.Combine(folder, ReportFile), Path.Combine(folder, "evaluation.json"));
        AtomicFile.WriteText(json, Terminal.ToJson(record) + "\n", existing);
        page.Save(html, existing);
        terminal.Remark($"Wrote {html} and {json}.");
    }

    private static double Compare(ISparseCoder coder, string path, CoderOptions options)
    {
        using var other = Coders.Load(path, options);
        return DirectionMatch.BetweenCoders(coder, other);
    }

    private static KnownDirections Known(ISparseCoder coder, string path)
    {
        using var source = TensorSource.Open(path);
        using var wanted = source.Get("directions").ToTensor();
        return new KnownDirections((int)wanted.shape[0], DirectionMatch.MeanMaxCosine(wanted, coder.Directions), DirectionMatch.Recovered(wanted, coder.Directions));
    }

    private sealed record Work(Terminal Terminal, ISparseCoder Coder, SpliceOptions Splice, UsageOptions Usage, ulong Seed)
    {
        internal (EvaluationResult, string, SceneScores?) OnTensors(string file)
        {
            using var source = TensorSource.Open(file);
            var columns = new Dictionary<string, Tensor> { ["x"] = Rows(source, "x", Coder.Card.Inputs) };
            if (source.Contains("y")) columns["y"] = Rows(source, "y", Coder.Card.Outputs);
            using var matrices = new MatrixSource(columns, seed: null);
            var rows = (int)matrices.RowsPerRound!.Value;
            // Coders that select over the batch are given all of it, as sae encode does.
            var result = CoderEvaluation.Run(Coder, matrices, "x", columns.ContainsKey("y") ? "y" : null, batch: rows, usage: Usage);
            return (result, $"the {rows:n0} vectors of {file}", null);
        }

        internal (EvaluationResult, string, SceneScores?) OnHarvest(string folder)
        {
            using var source = ShardSource.Open(folder, new ShardOptions { Seed = null });
            var read = Column(source, folder, Splice.Reads is { } site ? [site] : Coder.Card.Reads, "reads");
            var written = Coder.Card.Writes.Count == 0 || Coder.Card.Writes.SequenceEqual(Coder.Card.Reads) ? null : Column(source, folder, Coder.Card.Writes, "predicts");
            var result = CoderEvaluation.Run(Coder, source, read, written, usage: Usage);
            return (result, $"{result.Report.Usage.Rows:n0} of {source.RowsPerRound:n0} harvested vectors of {read} in {folder}", null);
        }

        internal (EvaluationResult, string, SceneScores?) OnScenes(string? folder, int count)
        {
            using var model = Models.Load(folder ?? DemoWeights.Vit);
            if (count < SceneEvaluation.Fewest) throw new OptionsException($"--scenes {count}: take at least {SceneEvaluation.Fewest}.");
            var batches = SceneEvaluation.Batches(count);
            var result = CoderEvaluation.Run(model, Coder, batches, k => SceneEvaluation.BatchOf(model, count, k), Splice, Usage, Progress(batches));
            Terminal.Remark("holding features against what was drawn …");
            return (result, $"{count:n0} held-out scenes seen by {model.Card.Name}", SceneEvaluation.Run(model, Coder, result.Highest, count, Splice, Seed));
        }

        internal (EvaluationResult, string, SceneScores?) OnPictures(string? folder, string[] images, int batch, string? labels, string? captions, string? embedder)
        {
            if (folder is null) throw new OptionsException("--image needs the model that sees the pictures: --model.");
            using var model = Models.Load(folder);
            using var inputs = new EvaluationInputs(model, folder, images, batch, labels, captions, embedder);
            var result = CoderEvaluation.Run(model, Coder, inputs.Batches, inputs.Batch, Splice, Usage, Progress(inputs.Batches));
            return (result, $"{inputs.Count:n0} pictures seen by {model.Card.Name}", null);
        }

        internal (EvaluationResult, string, SceneScores?) OnTexts(string? folder, Func<string, HookedModel, TextInputs> open, int batch)
        {
            if (folder is null) throw new OptionsException("--text needs the model that reads the texts: --model.");
            if (batch < 1) throw new OptionsException($"--batch {batch}: at least 1.");
            using var model = Models.Load(folder);
            var texts = open(folder, model);
            var batches = (texts.Count + batch - 1) / batch;
            var result = CoderEvaluation.Run(model, Coder, batches, k => TextBatch(texts, k, batch), Splice, Usage, Progress(batches));
            return (result, $"{texts.Count:n0} windows of text read by {model.Card.Name}", null);
        }

        // The opening token is read, but nothing is predicted of it.
        private static EvaluationBatch TextBatch(TextInputs texts, int index, int batch)
        {
            var input = texts.Batch([.. Enumerable.Range(index * batch, Math.Min(batch, texts.Count - index * batch))]);
            var ids = input["input_ids"];
            return new EvaluationBatch { Input = input, Losses = new Dictionary<string, ExampleLoss> { ["next_token_cross_entropy"] = SplicedLosses.NextToken(ids) } }.Owning(ids);
        }

        private Reports<int> Progress(int batches) => new(done =>
        {
            if (done % Math.Max(1, batches / 4) == 0) Terminal.Remark(done <= batches ? $"reconstruction: batch {done} of {batches}" : $"losses: batch {done - batches} of {batches}");
        });

        private string Column(ShardSource source, string folder, IReadOnlyList<HookSite> sites, string verb)
        {
            string[] names = [.. source.Columns.Select(column => column.Name)];
            if (sites.Count == 1 && names.Contains(sites[0].ToString())) return sites[0].ToString();
            return sites.Count == 0 && names.Length == 1
                ? names[0]
                : throw new OptionsException($"{Coder.Card.Name} {verb} {(sites.Count == 0 ? "a place that its file does not name (name it with --site)" : string.Join(", ", sites))}; '{folder}' has {string.Join(", ", names)}.");
        }

        private Tensor Rows(TensorSource source, string name, int width)
        {
            var x = source.Get(name).ToTensor();
            if (!x.is_floating_point()) throw new ShapeException($"'{name}' holds {x.dtype}, not floating-point numbers.");
            if (x.ndim < 1 || x.numel() == 0 || x.numel() % width != 0)
                throw new ShapeException($"'{name}' is [{string.Join(", ", x.shape)}]; {Coder.Card.Name} works on vectors of {width}.");
            return x.shape[^1] == width || (x.ndim >= 2 && x.shape[^1] * x.shape[^2] == width)
                ? x.reshape(-1, width)
                : throw new ShapeException($"'{name}' is [{string.Join(", ", x.shape)}]; {Coder.Card.Name} works on vectors of {width}.");
        }
    }
}
