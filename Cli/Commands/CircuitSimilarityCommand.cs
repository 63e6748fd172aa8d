using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Compares the representations at places of one model, or of two, on the same pictures.</summary>
internal sealed class CircuitSimilarityCommand : Verb
{
    internal override string Name => "circuit similarity";

    internal override string Description =>
        "Measures how alike the values at places of one model or of two are on the same pictures: CKA, debiased CKA, CKNNA (shared neighbours), SVCCA.\n"
        + "Example: prisma circuit similarity --model weights/demo/vit --image pictures --measure cka --out similarity";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command, pairs: false);
        var other = new Option<string?>("--other") { HelpName = "PATH_OR_ID", Description = "Compare with the places of this model on the same pictures; default: the model with itself" };
        var hooks = new Option<string[]>("--hooks") { HelpName = "GLOB", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["*hook_resid_post"], Description = "Places (repeatable); * crosses dots" };
        var measure = new Option<string>("--measure") { HelpName = "cka|debiased|cknna|svcca", DefaultValueFactory = _ => "debiased", Description = "How they are compared; plain cka is biased upwards where there are few pictures" };
        var tokens = new Option<bool>("--per-token") { Description = "One row per token in place of one per picture (the mean over its tokens)" };
        foreach (var option in new Option[] { other, hooks, measure, tokens }) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            var how = Enum.TryParse<SimilarityMeasure>(parsed.GetValue(measure), ignoreCase: true, out var named) && Enum.IsDefined(named)
                ? named
                : throw new OptionsException($"--measure {parsed.GetValue(measure)}: expected cka, debiased, cknna or svcca.");
            using var inputs = circuit.Open(parsed, terminal, asks: false);
            var (globs, perToken) = (parsed.GetValue(hooks)!, parsed.GetValue(tokens));
            var rows = SiteSimilarity.Read(inputs.Model, inputs.Batches(inputs.Clean), globs, perToken);
            var columns = rows;
            var against = inputs.Model.Card.Name;
            if (parsed.GetValue(other) is { } second)
            {
                var folder = Named.Folder(second, terminal);
                using var model = Models.Load(folder);
                var pixels = PictureBatch.Load(inputs.Pictures.Names, Preprocess.Load(folder)).ToTensor();
                columns = SiteSimilarity.Read(model, inputs.Batches(pixels), globs, perToken);
                against = model.Card.Name;
            }
            List<Tensor> one = [.. rows.Select(row => row.Rows)];
            List<Tensor> two = ReferenceEquals(rows, columns) ? one : [.. columns.Select(column => column.Rows)];
            var table = SiteSimilarity.Table(one, two, how);
            string[] down = [.. rows.Select(row => $"{row.Site}")], across = [.. columns.Select(column => $"{column.Site}")];
            inputs.Draw($"Similarity of {inputs.Model.Card.Name} and {against}", [$"{inputs.Clean.shape[0]} pictures, {one[0].shape[0]} rows: {(perToken ? "one per token" : "one per picture, the mean over its tokens")}. {Meaning(how)}"],
                [new MatrixPictures.Sheet("similarity", $"{how} of {string.Join(", ", parsed.GetValue(hooks)!)}: rows {inputs.Model.Card.Name}, columns {against}", "1: the same up to rotation and scale; 0: nothing in common", table, Short([.. rows.Select(row => row.Site)]), Short([.. columns.Select(column => column.Site)]))]);
            if (inputs.Json) terminal.Json(new { measure = $"{how}".ToLowerInvariant(), rows = down, columns = across, values = CircuitInputs.Rowwise(table) });
            else terminal.Table(["place", .. across], down.Select((site, r) => (string[])[site, .. across.Select((_, c) => $"{table[r, c]:f3}")]));
            return ExitCode.Good;
        });
    }

    // Places of one kind are told apart by their blocks; labels that long do not fit over columns.
    private static string[] Short(IReadOnlyList<HookSite> sites) =>
        [.. sites.Select(site => sites.Select(other => (other.Kind, other.Path.Part)).Distinct().Count() == 1 ? $"L{site.Path.Layer}" : $"{site}")];

    private static string Meaning(SimilarityMeasure measure) => measure switch
    {
        SimilarityMeasure.Cka => "Linear CKA: do the same pictures look alike in both? Biased upwards where there are fewer rows than channels.",
        SimilarityMeasure.Debiased => "Linear CKA with the unbiased estimate: about 0 for independent values, however few the rows.",
        SimilarityMeasure.Cknna => "CKNNA: the same over pairs of rows that are among each other's 10 nearest in both.",
        _ => "SVCCA: mean canonical correlation of the main directions that carry 99 % of the variance; needs many more rows than channels.",
    };
}
