using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Decodes every layer's stream as if it were the last, and splits the answer into what each part adds.</summary>
internal sealed class CircuitLensCommand : Verb
{
    internal override string Name => "circuit lens";

    internal override string Description =>
        "Decodes the stream of every layer at every patch with the model's own head, and shows what embeddings, blocks and heads add straight to the answer; --train fits a tuned lens to the pictures first.\n"
        + "Example: prisma circuit lens --model weights/demo/vit --image scene.png --out lens";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command, pairs: false);
        var tuned = new Option<string?>("--tuned") { HelpName = "FOLDER", Description = "Use this tuned lens" };
        var train = new Option<string?>("--train") { HelpName = "FOLDER", Description = "Train a tuned lens on the pictures, write it there and use it" };
        var steps = Common.Count(command, "--steps", 250, "Steps of training");
        foreach (var option in new Option[] { tuned, train }) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            using var inputs = circuit.Open(parsed, terminal);
            inputs.Spend(3 * inputs.Clean.shape[0]);
            using var lens = Lens(inputs, parsed.GetValue(tuned), parsed.GetValue(train), parsed.GetValue(steps), terminal);
            using var reading = LogitLens.Read(inputs.Model, inputs.Clean, new LensOptions { Tuned = lens });
            int[] classes = [.. Enumerable.Range(0, inputs.Pictures.Names.Count).Select(k => reading.Top(-1, k, count: 1)[0].Index)];
            List<DirectParts> parts = [.. classes.Distinct().Select(index => DirectAttribution.Heads(inputs.Model, inputs.Clean, index))];
            DirectParts Of(int picture) => parts[Array.IndexOf([.. classes.Distinct()], classes[picture])];
            if (inputs.Out is not null)
                inputs.Draw($"What the layers of {inputs.Model.Card.Name} would answer", [lens is null ? "Logit lens: each layer's stream through the model's final norm and head." : "Tuned lens: each layer's stream translated, then through the model's final norm and head."], [],
                    report => Page(report, inputs, reading, classes, Of), originals: false);
            if (inputs.Json)
                terminal.Json(inputs.Pictures.Names.Select((name, k) => new
                {
                    image = name,
                    layers = reading.Layers.Select((layer, l) => new { layer, top = reading.Top(l, k, count: 3) }),
                    parts = Of(k).Labels.Select((label, p) => new { part = label, adds = Of(k).Values[p][k] }),
                }));
            else
                for (var k = 0; k < inputs.Pictures.Names.Count; k++)
                {
                    terminal.Line(inputs.Pictures.Names[k]);
                    terminal.Table(["layer", "answer", "probability"], reading.Layers.Select((layer, l) => new[] { layer, reading.Top(l, k, count: 1)[0].Name, $"{reading.Top(l, k, count: 1)[0].Probability:f3}" }));
                    terminal.Table(["part", "adds"], Strongest(Of(k), k).Take(8).Select(part => new[] { part.Label, $"{part.Value:f3}" }));
                }
            return ExitCode.Good;
        });
    }

    private static TunedLens? Lens(CircuitInputs inputs, string? tuned, string? train, int steps, Terminal terminal)
    {
        if (tuned is not null && train is not null) throw new OptionsException("--tuned and --train exclude each other.");
        if (tuned is not null) return TunedLens.Load(tuned);
        if (train is null) return null;
        AtomicFile.CheckTarget(Path.Combine(train, "params.safetensors"), inputs.Existing);
        var (lens, losses) = TunedLensTraining.Fit(inputs.Model, [inputs.Clean], new TunedLensOptions { Steps = steps, Seed = inputs.Seed });
        for (var layer = 0; layer < losses.Count; layer++) terminal.Remark($"block {layer}: {losses[layer].Before:f4} nats before, {losses[layer].After:f4} after");
        lens.Save(train, inputs.Model.Card.Name, inputs.Existing);
        return lens;
    }

    private static Heatmap Straight(CircuitInputs inputs, int index, int picture, ImageGeometry geometry)
    {
        using var scope = NewDisposeScope();
        var one = inputs.Clean.narrow(0, picture, 1);
        var layout = inputs.Model.LayoutOf(one) ?? throw new NotApplicableException($"The tokens of {inputs.Model.Card.Name} have no place on a picture.");
        return Heatmap.FromTokens(DirectAttribution.Sources(inputs.Model, one, index).sum([0L, 1L])[0], layout, geometry);
    }

    private static IEnumerable<(string Label, float Value)> Strongest(DirectParts parts, int picture) =>
        parts.Labels.Select((label, p) => (label, parts.Values[p][picture])).OrderByDescending(part => Math.Abs(part.Item2));

    private static void Page(HtmlReport report, CircuitInputs inputs, LensReading reading, int[] classes, Func<int, DirectParts> parts)
    {
        for (var k = 0; k < inputs.Pictures.Names.Count; k++)
        {
            var picture = k;
            var (image, geometry) = (inputs.Pictures.Pictures[k], inputs.Pictures.Geometries[k]);
            var tiles = new List<HeatmapTile> { new("picture", image, null) };
            tiles.AddRange(reading.Layers.Select((layer, l) => new HeatmapTile($"{layer}: {reading.Top(l, picture, count: 1)[0].Name}", image, reading.Map(l, picture, classes[picture], geometry))));
            var name = ClassName.Of(classes[k], inputs.Model.Card.Labels);
            var straight = HeatmapPicture.Draw(image, Straight(inputs, classes[k], k, geometry), new HeatmapStyle { Label = $"what the patch adds to class {name} straight, by all heads that read it" }, "direct attribution to patches");
            report.Section($"{Path.GetFileNameWithoutExtension(inputs.Pictures.Names[k])}: class {name}")
                .Pictures([(HeatmapPicture.Sheet(tiles, new HeatmapStyle { Side = 180, Label = $"decoded logit of class {name}" }, title: $"class {name} at every patch, layer by layer"), inputs.Pictures.Names[k]), (straight, "Direct attribution: no later block in between.")])
                .Table(["part", "adds to the logit"], Strongest(parts(k), k).Take(20).Select(part => new[] { part.Label, $"{part.Value:f3}" }));
        }
    }
}
