using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Puts words to the heads of a CLIP model, to the pictures, and to the features of a sparse coder on it.</summary>
internal sealed class CircuitTextsCommand : Verb
{
    internal override string Name => "circuit texts";

    internal override string Description =>
        "Puts words from a list to every attention head of a CLIP model (TextSpan: the texts that carry what the head adds to embeddings of the pictures), to every picture (SpLiCE: the few texts that its embedding is a sum of) and, with --sae, to features by their direction.\n"
        + "Example: prisma circuit texts --model openai/clip-vit-base-patch32 --image pictures --texts words.txt --layers 4";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = Common.Images(command);
        var list = new Option<string>("--texts") { Required = true, HelpName = "FILE", Description = "Candidate descriptions, one a line; the more the better (published: some 3,500)" };
        command.Options.Add(list);
        var layers = Common.Count(command, "--layers", 4, "The last so many blocks");
        var count = Common.Count(command, "--count", 5, "Texts per head and feature");
        var penalty = new Option<double>("--penalty") { HelpName = "LAMBDA", DefaultValueFactory = _ => SparseTexts.UsualPenalty, Description = "For the texts of pictures: the larger, the fewer" };
        command.Options.Add(penalty);
        var sae = SaeOptions.Sae(command, required: false);
        var coderOptions = new SaeOptions(command);
        var features = Common.Count(command, "--features", 20, "With --sae: the features whose best text stands out most");
        var batch = Common.Count(command, "--batch", 16, "Pictures in one pass");
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var words = Lines(parsed.GetValue(list)!);
            var folder = Named.Folder(parsed.GetValue(model)!, terminal);
            using var scope = NewDisposeScope();
            using var loaded = Models.Load(folder);
            var pictures = PictureBatch.Load(parsed.GetValue(images)!, Preprocess.Load(folder));
            var pixels = pictures.ToTensor();
            if (pixels.shape[0] < 2) throw new OptionsException("--image: heads are told apart by how their outputs vary over pictures; at least two are needed.");
            using var zeroShot = ZeroShot.Create(loaded, Tokenizers.Open(folder), words, new ZeroShotOptions { Templates = ["{}"] });
            var heads = Heads(loaded, pixels, zeroShot.Embeddings, parsed.GetValue(batch), parsed.GetValue(layers), parsed.GetValue(count));
            var shown = Pictures(loaded, pixels, zeroShot.Embeddings, parsed.GetValue(batch), parsed.GetValue(penalty));
            using var coder = parsed.GetValue(sae) is { } path ? Coders.Load(Named.CoderPath(path, terminal), coderOptions.Read(parsed)) : null;
            var named = coder is null ? [] : Features(coder, loaded, zeroShot.Embeddings, parsed.GetValue(features), parsed.GetValue(count));
            if (parsed.GetValue(json))
                terminal.Json(new
                {
                    heads = heads.Select(head => new { head.Layer, head.Head, head.Explained, texts = head.Texts.Select(text => new { text = words[text.Text], text.Deviation }) }),
                    pictures = shown.Select((picture, k) => new { image = pictures.Names[k], picture.Cosine, texts = picture.Texts.Select(text => new { text = words[text.Text], text.Weight }) }),
                    features = named.Select(feature => new { feature.Feature, texts = feature.Texts.Select(text => new { text = words[text.Text], text.Score }) }),
                });
            else
            {
                terminal.Table(["head", "variance carried", "texts"], heads.Select(head => new[] { $"L{head.Layer}H{head.Head}", $"{head.Explained:p0}", string.Join(" | ", head.Texts.Select(text => words[text.Text])) }));
                terminal.Table(["picture", "cosine of the sum", "texts in it", "strongest"], shown.Select((picture, k) => new[]
                {
                    pictures.Names[k], $"{picture.Cosine:f3}", $"{picture.Texts.Count}", string.Join(" | ", picture.Texts.Take(parsed.GetValue(count)).Select(text => $"{words[text.Text]} {text.Weight:f2}")),
                }));
                if (named.Count > 0)
                    terminal.Table(["feature", "above the mean", "texts"], named.Select(feature => new[] { $"{feature.Feature}", $"{feature.Texts[0].Score:f3}", string.Join(" | ", feature.Texts.Select(text => words[text.Text])) }));
            }
            return ExitCode.Good;
        });
    }

    private static string[] Lines(string path)
    {
        if (!File.Exists(path)) throw new OptionsException($"There is no file '{path}' with texts.");
        string[] lines = [.. File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0).Distinct()];
        return lines.Length >= 2 ? lines : throw new OptionsException($"'{path}' holds {lines.Length} texts; at least two are needed.");
    }

    private static List<(int Layer, int Head, double Explained, IReadOnlyList<SpanningText> Texts)> Heads(HookedModel model, Tensor pixels, Tensor texts, int batch, int layers, int count)
    {
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        foreach (var part in pixels.split(batch))
        {
            using var decomposed = ImageDecomposition.Of(model, new ModelInput { ["pixel_values"] = part });
            parts.Add(decomposed.Heads.clone());
        }
        var outputs = cat([.. parts], 0);
        var found = new List<(int, int, double, IReadOnlyList<SpanningText>)>();
        for (var layer = (int)Math.Max(0, outputs.shape[1] - layers); layer < outputs.shape[1]; layer++)
            for (var head = 0; head < outputs.shape[2]; head++)
            {
                var (spanning, explained) = TextSpan.Find(outputs.select(1, layer).select(1, head), texts, count);
                found.Add((layer, head, explained, spanning));
            }
        return found;
    }

    // Of each picture the texts in its embedding, strongest first, and how like it their sum is.
    private static List<(double Cosine, IReadOnlyList<(int Text, double Weight)> Texts)> Pictures(HookedModel model, Tensor pixels, Tensor texts, int batch, double penalty)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var parts = new List<Tensor>();
        foreach (var part in pixels.split(batch))
        {
            using var recording = model.Run(new ModelInput { ["pixel_values"] = part }, HookPlan.Empty);
            parts.Add(recording.Outputs["image_embeds"].clone());
        }
        var embeddings = nn.functional.normalize(cat([.. parts], 0).to(float64));
        var mean = SparseTexts.MeanOf(embeddings);
        var weights = SparseTexts.Find(embeddings, texts, mean, penalty);
        double[] Plain(Tensor values) => values.cpu().contiguous().data<double>().ToArray();
        var (cosines, all) = (Plain((SparseTexts.Rebuild(weights, texts, mean) * embeddings).sum(1L)), Plain(weights));
        var count = (int)texts.shape[0];
        return [.. cosines.Select((cosine, k) => (cosine, (IReadOnlyList<(int, double)>)[.. Enumerable.Range(0, count).Select(text => (text, all[k * count + text]))
            .Where(one => one.Item2 > 0).OrderByDescending(one => one.Item2)]))];
    }

    private static List<(int Feature, IReadOnlyList<(int Text, float Score)> Texts)> Features(ISparseCoder coder, HookedModel model, Tensor texts, int features, int count)
    {
        using var scope = NewDisposeScope();
        var table = FeatureTexts.ByDirection(coder, model, texts);
        var most = (int)Math.Min(count, table.shape[1]);
        var (values, indices) = table.topk(most, dim: 1);
        var (scores, chosen) = (values.cpu().contiguous().data<float>().ToArray(), indices.cpu().contiguous().data<long>().ToArray());
        return [.. Enumerable.Range(0, (int)table.shape[0]).OrderByDescending(feature => scores[feature * most]).Take(features)
            .Select(feature => (feature, (IReadOnlyList<(int, float)>)[.. Enumerable.Range(0, most).Select(k => ((int)chosen[feature * most + k], scores[feature * most + k]))]))];
    }
}
