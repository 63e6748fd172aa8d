using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Says what every attention head of a vision model looks at.</summary>
internal sealed class CircuitHeadsCommand : Verb
{
    internal override string Name => "circuit heads";

    internal override string Description =>
        "Measures what every attention head looks at on pictures and names its kind; --composition shows which heads can read each other.\n"
        + "Example: prisma circuit heads --model weights/demo/vit --image pictures --out heads";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command, pairs: false);
        var composition = new Option<bool>("--composition") { Description = "Also composition scores of all pairs of heads, by queries, keys and values" };
        command.Options.Add(composition);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            using var inputs = circuit.Open(parsed, terminal);
            inputs.Spend(inputs.Clean.shape[0]);
            var heads = HeadProfiles.Measure(inputs.Model, inputs.Batches(inputs.Clean));
            var copying = CopyingScores.Of(inputs.Model).ToDictionary(one => (one.Layer, one.Head), one => one.Score);
            var composed = parsed.GetValue(composition) ? Enum.GetValues<CompositionKind>().Select(kind => (Kind: kind, Found: Composition.Of(inputs.Model, kind))).ToList() : [];
            List<MatrixPictures.Sheet> sheets = [.. Measures.Select(measure => Sheet(heads, measure.Name, measure.Unit, measure.Of)),
                Sheet(heads, "copying", "whether the head writes what it reads, by its weights: 1 as it is, -1 reversed", head => copying[(head.Layer, head.Head)]),
                .. composed.Select(one => new MatrixPictures.Sheet($"{one.Kind}".ToLowerInvariant(), $"Composition by {one.Kind} inputs", $"score minus that of random matrices ({one.Found.Baseline:f3}); rows write, columns read", one.Found.Scores, one.Found.Heads, one.Found.Heads))];
            inputs.Draw($"Heads of {inputs.Model.Card.Name}", [$"{inputs.Clean.shape[0]} pictures. Kinds, first rule that fits: {string.Join("; ", HeadKinds.Rules.Select(rule => $"{rule.Kind}: {rule.Rule}"))}."], sheets,
                report => report.Section("Kinds").Table(["head", .. Measures.Select(measure => measure.Name), "copying", "kind"], heads.Select(head => Row(head, copying)), endsInText: true));
            if (inputs.Out is { } folder)
            {
                var page = Path.Combine(folder, "attention.html");
                AttentionPage.Write(page, inputs.Model, inputs.Clean.narrow(0, 0, 1), inputs.Pictures.Pictures[0], inputs.Pictures.Geometries[0], inputs.Pictures.Names[0], Provenance.Sentence(inputs.Model), existing: inputs.Existing);
                terminal.Remark($"Wrote {page}: the first picture's attention, patch by patch.");
            }
            if (inputs.Json)
                terminal.Json(new
                {
                    heads = heads.Select(head => new
                    {
                        head.Layer,
                        head.Head,
                        head.Kind,
                        head.ToPrefix,
                        head.PrefixEntropy,
                        head.Self,
                        head.Distance,
                        neighbour = new[] { head.Neighbour.Rows, head.Neighbour.Columns },
                        head.NeighbourShare,
                        head.Row,
                        head.Column,
                        head.Corner,
                        head.Border,
                        head.Sink,
                        head.Positional,
                        copying = copying[(head.Layer, head.Head)],
                    }),
                    composition = composed.Select(one => new { by = $"{one.Kind}", one.Found.Heads, one.Found.Baseline, scores = CircuitInputs.Rowwise(one.Found.Scores) }),
                });
            else
                terminal.Table(["head", .. Measures.Select(measure => measure.Name), "copying", "kind"], heads.Select(head => Row(head, copying)));
            return ExitCode.Good;
        });
    }

    private static readonly (string Name, string Unit, Func<HeadProfile, double> Of)[] Measures =
    [
        ("prefix", "share of a patch's attention on tokens without a place", head => head.ToPrefix),
        ("entropy", "evenness of the class token's attention over patches, 0–1", head => head.PrefixEntropy),
        ("self", "share of a patch's attention on itself", head => head.Self),
        ("distance", "mean distance looked at, over that of even attention", head => head.Distance),
        ("neighbour", "share on the neighbour that gets most", head => head.NeighbourShare),
        ("corner", "share on the corners, over that of even attention", head => head.Corner),
        ("sink", "largest mean share of one patch", head => head.Sink),
        ("positional", "share of the variation that is the same in all pictures", head => head.Positional),
    ];

    private static string[] Row(HeadProfile head, Dictionary<(int, int), double> copying) =>
        [$"L{head.Layer}H{head.Head}", .. Measures.Select(measure => $"{measure.Of(head):f3}"), $"{copying[(head.Layer, head.Head)]:f3}", head.Kind];

    private static MatrixPictures.Sheet Sheet(IReadOnlyList<HeadProfile> heads, string name, string unit, Func<HeadProfile, double> of)
    {
        var (layers, columns) = (heads.Select(head => head.Layer).Distinct().ToList(), heads.Max(head => head.Head) + 1);
        var values = new double[layers.Count, columns];
        for (var row = 0; row < layers.Count; row++)
            for (var column = 0; column < columns; column++) values[row, column] = heads.FirstOrDefault(head => head.Layer == layers[row] && head.Head == column) is { } found ? of(found) : double.NaN;
        return new MatrixPictures.Sheet(name, $"Heads: {name}", unit, values, [.. layers.Select(layer => $"L{layer}")], [.. Enumerable.Range(0, columns).Select(column => $"H{column}")]);
    }
}
