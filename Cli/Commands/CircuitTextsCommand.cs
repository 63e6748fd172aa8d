using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Puts words to the heads of a CLIP model, and to the features of a sparse coder on it.</summary>
internal sealed class CircuitTextsCommand : Verb
{
    internal override string Name => "circuit texts";

    internal override string Description =>
        "Puts words from a list to every attention head of a CLIP model (TextSpan: the texts that carry what the head adds to embeddings of the pictures) and, with --sae, to features by their direction.\n"
        + "Example: prisma circuit texts --model openai/clip-vit-base-patch32 --image pictures --texts words.txt --layers 4";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = Common.Images(command);
        var list = new Option<string>("--texts") { Required = true, HelpName = "FILE", Description = "Candidate descriptions, one a line; the more the better (published: some 3,500)" };
        command.Options.Add(list);
        var layers = Common.Count(command, "--layers", 4, "The last so many blocks");
        var count = Common.Count(command, "--count", 5, "Texts per head and feature");
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
            var pixels = PictureBatch.Load(parsed.GetValue(images)!, Preprocess.Load(folder)).ToTensor();
            if (pixels.shape[0] < 2) throw new OptionsException("--image: heads are told apart by how their outputs vary over pictures; at least two are needed.");
            using var zeroShot = ZeroShot.Create(loaded, Tokenizers.Open(folder), words, new ZeroShotOptions { Templates = ["{}"] });
            var heads = Heads(loaded, pixels, zeroShot.Embeddings, parsed.GetValue(batch), parsed.GetValue(layers), parsed.GetValue(count));
            using var coder = parsed.GetValue(sae) is { } path ? Coders.Load(Named.CoderPath(path, terminal), coderOptions.Read(parsed)) : null;
            var named = coder is null ? [] : Features(coder, loaded, zeroShot.Embeddings, parsed.GetValue(features), parsed.GetValue(count));
            if (parsed.GetValue(json))
                terminal.Json(new
                {
                    heads = heads.Select(head => new { head.Layer, head.Head, head.Explained, texts = head.Texts.Select(text => new { text = words[text.Text], text.Deviation }) }),
                    features = named.Select(feature => new { feature.Feature, texts = feature.Texts.Select(text => new { text = words[text.Text], text.Score }) }),
                });
            else
            {
                terminal.Table(["head", "variance carried", "texts"], heads.Select(head => new[] { $"L{head.Layer}H{head.Head}", $"{head.Explained:p0}", string.Join(" | ", head.Texts.Select(text => words[text.Text])) }));
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
