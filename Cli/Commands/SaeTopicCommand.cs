using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Finds the features that are nearest to a topic.</summary>
internal sealed class SaeTopicCommand : Verb
{
    internal override string Name => "sae topic";

    internal override string Description =>
        "Scores every feature by how near the pictures that excite it are to a topic, given by other pictures or, with a model of pictures and texts, in words: 1 is the nearest feature, 0 the farthest.\n"
        + "Example: prisma sae topic --sae weights/demo/sae --model weights/demo/vit --image pictures --topic pictures/circles";

    internal override void Fill(Command command, Terminal terminal)
    {
        var run = new CoderRunOptions(command);
        var topic = new Option<string[]>("--topic") { HelpName = "FILE|FOLDER|GLOB", AllowMultipleArgumentsPerToken = true, Description = "Pictures of the topic" };
        var about = new Option<string[]>("--about") { HelpName = "TEXT", AllowMultipleArgumentsPerToken = true, Description = "The topic in words, for models of pictures and texts" };
        var embedder = new Option<string?>("--embedder") { HelpName = "PATH_OR_ID", Description = "The model whose embeddings say how near pictures are; default: the coder's own" };
        foreach (var option in new Option[] { topic, about, embedder }) command.Options.Add(option);
        var count = Common.Count(command, "--count", 20, "How many features are listed");
        command.SetAction(parsed =>
        {
            var (pictures, words) = (parsed.GetValue(topic) ?? [], parsed.GetValue(about) ?? []);
            if (pictures.Length + words.Length == 0) throw new OptionsException("Say what the topic is: pictures of it (--topic) or words (--about).");
            using var scope = NewDisposeScope();
            using var opened = run.Open(parsed, terminal);
            var folder = parsed.GetValue(embedder) is { } named ? Named.Folder(named, terminal) : opened.Folder;
            using var other = folder == opened.Folder ? null : Models.Load(folder);
            var judge = other ?? opened.Model;
            if (words.Length > 0 && judge is not IImageTextModel) throw new OptionsException($"--about needs a model of pictures and texts, and {judge.Card.Name} is none: name one with --embedder, or show the topic with --topic.");
            Tensor Embedded(string[] names) => cat([.. opened.Sights(names, judge, folder).ToTensors(opened.Batch).Select(part => Embedding(judge, part))], 0);
            var codes = cat([.. opened.Sights(opened.Named).ToTensors(opened.Batch).Select(part => PooledFeatures.Of(opened.Model, opened.Coder, part, Pooling.Mean, opened.Splice))], 0);
            List<Tensor> alignment = [];
            if (pictures.Length > 0) alignment.Add(Embedded(pictures));
            if (words.Length > 0) alignment.Add(Texts(judge, folder, words));
            var found = TopicAlignment.Of(codes, Embedded(opened.Named), cat([.. alignment], 0));
            var top = found.Top(parsed.GetValue(count));
            var fires = codes.gt(0).sum(0L).data<long>().ToArray();
            if (opened.Json) terminal.Json(new { pictures = codes.shape[0], found.Coverage, distances = found.Distances, features = top.Select(feature => new { feature, score = found.Scores[feature], pictures = fires[feature] }) });
            else
            {
                terminal.Line($"{codes.shape[0]} pictures excite {found.Coverage:p1} of the features. Distance to the topic: {found.Distances.Min():f3} to {found.Distances.Max():f3}.");
                terminal.Table(["feature", "score", "pictures"], top.Select(feature => new[] { $"{feature}", $"{found.Scores[feature]:f3}", $"{fires[feature]}" }));
            }
            return ExitCode.Good;
        });
    }

    private static Tensor Embedding(HookedModel model, Tensor pixels)
    {
        using var mode = no_grad();
        using var recording = model.Run(pixels, HookPlan.Empty);
        using var embedding = EvaluationInputs.Embedding(model, recording);
        return embedding.clone();
    }

    private static Tensor Texts(HookedModel model, string folder, string[] words)
    {
        using var texts = ZeroShot.Create(model, Tokenizers.Open(folder), words, new ZeroShotOptions { Templates = ["{}"] });
        return texts.Embeddings.clone();
    }
}
