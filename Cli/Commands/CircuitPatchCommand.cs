using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Patches or ablates parts of a model one by one and shows what each does for the answer.</summary>
internal sealed class CircuitPatchCommand : Verb
{
    internal override string Name => "circuit patch";

    internal override string Description =>
        "Puts values of one run into another, place by place, and shows how much of the behaviour comes back (denoise) or goes (noise); --ablate replaces them instead, --estimate takes gradients in place of passes.\n"
        + "Example: prisma circuit patch --model weights/demo/vit --image scene.png --corrupt other.png --site attn.hook_z --axes heads --out patching";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command);
        var site = new Option<string>("--site") { HelpName = "KIND", DefaultValueFactory = _ => Site.ResidPre.Name, Description = "The kind of place: hook_resid_pre, hook_attn_out, hook_mlp_out, attn.hook_z, attn.hook_q, attn.hook_pattern, mlp.hook_post …" };
        var axes = new Option<string>("--axes") { HelpName = "tokens|heads|heads-tokens|units|layers", DefaultValueFactory = _ => "tokens", Description = "Blocks × tokens, blocks × heads, heads × tokens, blocks × units, or blocks alone" };
        var direction = new Option<string>("--direction") { HelpName = "denoise|noise", DefaultValueFactory = _ => "denoise", Description = "Clean values in the corrupted run, or the other way round" };
        var ablate = new Option<string?>("--ablate") { HelpName = "zero|mean|resample", Description = "Replace by zero, by the mean over the pictures, or by the next picture's value; no corrupted run" };
        var estimate = new Option<bool>("--estimate") { Description = "Attribution patching: all effects to first order from three passes" };
        var repair = new Option<bool>("--repair") { Description = "With --estimate: recompute the softmax for queries and keys, and average over blocks whose gradient is dropped (AtP*)" };
        var layers = new Option<int[]>("--layers") { HelpName = "N", AllowMultipleArgumentsPerToken = true, Description = "Only these blocks" };
        foreach (var option in new Option[] { site, axes, direction, ablate, estimate, repair, layers }) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            var grid = new PatchGrid(Kind(parsed.GetValue(site)!), Axes(parsed.GetValue(axes)!)) { Layers = parsed.GetValue(layers) is { Length: > 0 } some ? some : null };
            var way = parsed.GetValue(direction) switch
            {
                "denoise" => PatchDirection.Denoise,
                "noise" => PatchDirection.Noise,
                var other => throw new OptionsException($"--direction {other}: expected denoise or noise."),
            };
            using var inputs = circuit.Open(parsed, terminal);
            if (parsed.GetValue(estimate)) return Estimated(inputs, grid, way, parsed.GetValue(repair), terminal);
            inputs.Spend(inputs.Clean.shape[0] * (2 + GridSize.Passes(inputs.Model, inputs.Clean, grid)));
            var table = parsed.GetValue(ablate) is { } kind
                ? SiteAblation.Effects(inputs.Model, inputs.Clean, grid, inputs.Target, Ablation(kind), options: inputs.Options)
                : ActivationPatching.Run(inputs.Model, inputs.Clean, inputs.Corrupt, grid, inputs.Target, way, inputs.Options);
            return Show(inputs, table, terminal, grid);
        });
    }

    internal static int Show(CircuitInputs inputs, PatchTable table, Terminal terminal, PatchGrid? grid = null)
    {
        var shared = table.Donor.Count > 0;
        var values = shared ? table.Shares() : table.Changes();
        var unit = shared ? "share of the way from the changed run (0) to the giving run (1)" : $"change of {table.Target}";
        inputs.Draw(table.Title, [$"Target: {table.Target}. {(table.Before.Count == 1 ? "One picture" : $"{table.Before.Count} pictures")}, {table.Forwards:n0} passes of one picture."],
            [new MatrixPictures.Sheet("patching", table.Title, unit, values, table.RowLabels, table.ColumnLabels)], report => OnPicture(report, inputs, grid, values, table.RowLabels, unit));
        if (inputs.Json)
            terminal.Json(new { table.Title, table.Target, unit, rows = table.RowLabels, columns = table.ColumnLabels, values = CircuitInputs.Rowwise(values), changes = CircuitInputs.Rowwise(table.Changes()), table.Before, table.Donor, table.Forwards });
        else
            Print(terminal, values, table.RowLabels, table.ColumnLabels, unit);
        return ExitCode.Good;
    }

    // A table of blocks and all tokens of a single picture, laid over it.
    private static void OnPicture(HtmlReport report, CircuitInputs inputs, PatchGrid? grid, double[,] values, IReadOnlyList<string> rows, string unit)
    {
        if (grid?.Axes != PatchAxes.LayerToken || inputs.SeesClips || inputs.Clean.shape[0] != 1 || inputs.Model.LayoutOf(inputs.Clean) is not { } layout || layout.Tokens != values.GetLength(1)) return;
        var (image, geometry) = (inputs.Pictures.Pictures[0], inputs.Pictures.Geometries[0]);
        var maps = rows.Select((label, row) => new HeatmapTile(label, image, Heatmap.FromTokens([.. Enumerable.Range(0, layout.Tokens).Select(token => (float)values[row, token])], layout, geometry)));
        report.Section("On the picture").Pictures([(HeatmapPicture.Sheet([new HeatmapTile("picture", image, null), .. maps], new HeatmapStyle { Side = 180, Label = unit }), layout.Prefix > 0 ? "The class token and registers have no place on it; the table has them." : "")]);
    }

    // The entries of largest magnitude: a table of blocks × tokens is wider than a terminal.
    internal static void Print(Terminal terminal, double[,] values, IReadOnlyList<string> rows, IReadOnlyList<string> columns, string unit, int count = 15)
    {
        var order = Enumerable.Range(0, values.Length).Where(k => !double.IsNaN(values[k / columns.Count, k % columns.Count]))
            .OrderByDescending(k => Math.Abs(values[k / columns.Count, k % columns.Count])).Take(count);
        terminal.Table(["row", "column", "value"], order.Select(k => new[] { rows[k / columns.Count], columns[k % columns.Count], $"{values[k / columns.Count, k % columns.Count]:f4}" }));
        terminal.Line($"({unit}; the largest of {values.Length})");
    }

    private static int Estimated(CircuitInputs inputs, PatchGrid grid, PatchDirection way, bool repair, Terminal terminal)
    {
        var blocks = grid.Sites(inputs.Model).Count;
        inputs.Spend(inputs.Clean.shape[0] * (repair ? 11 + 2 * blocks : 3));
        using var effects = AttributionPatching.Run(inputs.Model, inputs.Clean, inputs.Corrupt, [grid.Kind], inputs.Target, way, new AtpOptions { FixAttention = repair, DropGradients = repair && blocks > 1 });
        var (values, rows, columns) = effects.Table(grid.Kind, grid.Axes);
        var (title, unit) = ($"{grid.Kind.Name}: estimated effect of patching", $"change of {effects.Target}, to first order{(repair ? ", magnitude" : "")}");
        inputs.Draw(title, [$"Target: {effects.Target}. {effects.Forwards:n0} passes of the batch."], [new MatrixPictures.Sheet("estimate", title, unit, values, rows, columns)],
            report => OnPicture(report, inputs, grid, values, rows, unit));
        if (inputs.Json) terminal.Json(new { title, effects.Target, unit, rows, columns, values = CircuitInputs.Rowwise(values), effects.Forwards });
        else Print(terminal, values, rows, columns, unit);
        return ExitCode.Good;
    }

    private static SiteKind Kind(string name) => Site.Kinds.FirstOrDefault(kind => kind.Name == name)
        ?? throw new OptionsException($"--site {name}: no such kind of place. Nearest: {string.Join(", ", NearestNames.Of(name, Site.Kinds.Select(kind => kind.Name)))}.");

    private static PatchAxes Axes(string text) => text switch
    {
        "tokens" => PatchAxes.LayerToken,
        "heads" => PatchAxes.LayerHead,
        "heads-tokens" => PatchAxes.HeadToken,
        "units" => PatchAxes.LayerUnit,
        "layers" => PatchAxes.Layer,
        _ => throw new OptionsException($"--axes {text}: expected tokens, heads, heads-tokens, units or layers."),
    };

    private static AblationKind Ablation(string text) => text switch
    {
        "zero" => AblationKind.Zero,
        "mean" => AblationKind.BatchMean,
        "resample" => AblationKind.Resample,
        _ => throw new OptionsException($"--ablate {text}: expected zero, mean or resample."),
    };
}
