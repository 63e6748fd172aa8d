using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Says what every attention head of a vision model looks at; of a model of clips, at which time.</summary>
internal sealed class CircuitHeadsCommand : Verb
{
    internal override string Name => "circuit heads";

    internal override string Description =>
        "Measures what every attention head looks at on pictures and names its kind, and finds patches of unusual norm, which act as registers (attention sinks); of a model of clips, at which time it looks (previous-frame heads, same-place heads). --composition shows which heads can read each other.\n"
        + "Example: prisma circuit heads --model weights/demo/vit --image pictures --out heads\nExample: prisma circuit heads --model weights/demo/video --image clips";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command, pairs: false);
        var composition = new Option<bool>("--composition") { Description = "Also composition scores of all pairs of heads, by queries, keys and values" };
        command.Options.Add(composition);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            using var inputs = circuit.Open(parsed, terminal, asks: false);
            inputs.Spend(inputs.Clean.shape[0] * (inputs.SeesClips ? 1 : 2));
            var batches = inputs.Batches(inputs.Clean);
            if (inputs.SeesClips)
            {
                var frames = FrameHeads.Measure(inputs.Model, batches);
                Show(inputs, terminal, "clips", FrameHeads.Rules, FrameMeasures, parsed.GetValue(composition), [.. frames.Select(head => (head.Layer, head.Head, head.Kind, head))],
                    (head, copying) => new { head.Layer, head.Head, head.Kind, head.Same, head.Previous, head.Next, head.SamePlace, head.Distance, copying });
                return ExitCode.Good;
            }
            var heads = HeadProfiles.Measure(inputs.Model, batches);
            var outliers = OutlierTokens.Measure(inputs.Model, inputs.Batches(inputs.Clean));
            Show(inputs, terminal, "pictures", HeadKinds.Rules, Measures, parsed.GetValue(composition), [.. heads.Select(head => (head.Layer, head.Head, head.Kind, head))],
                (head, copying) => new
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
                    copying,
                }, outliers);
            if (inputs.Out is { } folder)
            {
                var page = Path.Combine(folder, "attention.html");
                AttentionPage.Write(page, inputs.Model, inputs.Clean.narrow(0, 0, 1), inputs.Pictures.Pictures[0], inputs.Pictures.Geometries[0], inputs.Pictures.Names[0], Provenance.Sentence(inputs.Model), existing: inputs.Existing);
                terminal.Remark($"Wrote {page}: the first picture's attention, patch by patch.");
            }
            return ExitCode.Good;
        });
    }

    private static void Show<T>(CircuitInputs inputs, Terminal terminal, string what, IReadOnlyList<(string Kind, string Rule)> rules, (string Name, string Unit, Func<T, double> Of)[] measures, bool composes,
        IReadOnlyList<(int Layer, int Head, string Kind, T Profile)> heads, Func<T, double, object> json, IReadOnlyList<BlockOutliers>? outliers = null)
    {
        var copying = CopyingScores.Of(inputs.Model).ToDictionary(one => (one.Layer, one.Head), one => one.Score);
        var composed = composes ? Enum.GetValues<CompositionKind>().Select(kind => (Kind: kind, Found: Composition.Of(inputs.Model, kind))).ToList() : [];
        double Copies((int Layer, int Head, string, T) head) => copying.GetValueOrDefault((head.Layer, head.Head), double.NaN);
        MatrixPictures.Sheet Sheet(string name, string unit, Func<(int Layer, int Head, string Kind, T Profile), double> of) => Drawn([.. heads.Select(head => (head.Layer, head.Head, of(head)))], name, unit);
        List<MatrixPictures.Sheet> sheets = [.. measures.Select(measure => Sheet(measure.Name, measure.Unit, head => measure.Of(head.Profile))),
            Sheet("copying", "whether the head writes what it reads, by its weights: 1 as it is, -1 reversed", Copies),
            .. composed.Select(one => new MatrixPictures.Sheet($"{one.Kind}".ToLowerInvariant(), $"Composition by {one.Kind} inputs", $"score minus that of random matrices ({one.Found.Baseline:f3}); rows write, columns read", one.Found.Scores, one.Found.Heads, one.Found.Heads))];
        string[] headings = ["head", .. measures.Select(measure => measure.Name), "copying", "kind"];
        List<string[]> rows = [.. heads.Select(head => (string[])[$"L{head.Layer}H{head.Head}", .. measures.Select(measure => $"{measure.Of(head.Profile):f3}"), $"{Copies(head):f3}", head.Kind])];
        inputs.Draw($"Heads of {inputs.Model.Card.Name}", [$"{inputs.Clean.shape[0]} {what}. Kinds, first rule that fits: {string.Join("; ", rules.Select(rule => $"{rule.Kind}: {rule.Rule}"))}."], sheets,
            report =>
            {
                report.Section("Kinds").Table(headings, rows);
                if (outliers is not null) report.Section("Patches of unusual norm").Table(OutlierHeadings, outliers.Select(OutlierRow));
            });
        if (inputs.Json)
            terminal.Json(new
            {
                heads = heads.Select(head => json(head.Profile, Copies(head))),
                composition = composed.Select(one => new { by = $"{one.Kind}", one.Found.Heads, one.Found.Baseline, scores = CircuitInputs.Rowwise(one.Found.Scores) }),
                outliers,
            });
        else
        {
            terminal.Table(headings, rows);
            if (outliers is null) return;
            if (outliers.Any(block => block.Tokens.Count > 0)) terminal.Table(OutlierHeadings, outliers.Select(OutlierRow));
            else terminal.Line("No patch has an unusual norm in any block.");
        }
    }

    private static readonly string[] OutlierHeadings = ["block", "unusual patches", "median norm", "counts above", "attention to them", "to others", "cosine with class token", "of others", "most often at"];

    private static string[] OutlierRow(BlockOutliers block) =>
    [
        $"{block.Layer}", $"{block.Tokens.Count} of {block.Patches} ({block.Share:p2})", $"{block.Median:f2}", $"{block.Threshold:f2}",
        $"{block.Attention:f4}", $"{block.UsualAttention:f4}", $"{block.Cosine:f2}", $"{block.UsualCosine:f2}",
        string.Join(", ", block.Tokens.GroupBy(token => (token.Row, token.Column)).OrderByDescending(place => place.Count()).Take(3).Select(place => $"row {place.Key.Row}, column {place.Key.Column}")),
    ];

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

    private static readonly (string Name, string Unit, Func<FrameHead, double> Of)[] FrameMeasures =
    [
        ("same", "share of a token's attention on its own time step", head => head.Same),
        ("previous", "share on the step before, over steps that have one", head => head.Previous),
        ("next", "share on the step after, over steps that have one", head => head.Next),
        ("place", "share on the same place in other steps", head => head.SamePlace),
        ("distance", "mean distance in steps, over that of even attention", head => head.Distance),
    ];

    private static MatrixPictures.Sheet Drawn(IReadOnlyList<(int Layer, int Head, double Value)> heads, string name, string unit)
    {
        var (layers, columns) = (heads.Select(head => head.Layer).Distinct().ToList(), heads.Max(head => head.Head) + 1);
        var values = new double[layers.Count, columns];
        for (var row = 0; row < layers.Count; row++)
            for (var column = 0; column < columns; column++) values[row, column] = double.NaN;
        foreach (var (layer, head, value) in heads) values[layers.IndexOf(layer), head] = value;
        return new MatrixPictures.Sheet(name, $"Heads: {name}", unit, values, [.. layers.Select(layer => $"L{layer}")], [.. Enumerable.Range(0, columns).Select(column => $"H{column}")]);
    }
}
