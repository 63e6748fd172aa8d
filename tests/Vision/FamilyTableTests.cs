using System.Globalization;
using System.Text;
using Prisma.Core;

namespace Prisma.Tests.Vision;

/// <summary>
/// docs/families.md is what the tests measure: who changes a family, a fixture or the registry renews it with
/// <c>PRISMA_RENEW_DOCS=1 ./prisma test --filter FamilyTableTests</c>.
/// </summary>
public sealed class FamilyTableTests
{
    // Another processor or BLAS adds in another order: what it measures was up to 2.5 times what this one does, or something where that is nothing.
    private const double Room = 2;
    private static readonly double[] s_steps = [1e-5, 2e-5, 5e-5, 1e-4];

    [Fact]
    public void The_table_of_families_is_what_the_tests_measure()
    {
        var proofs = FamilyProof.Measure();
        var rows = Prisma.Models.Catalog.Families.Select(family => Row(family, [.. proofs.Where(proof => proof.Family == family.Name)])).ToList();
        // A renewal only raises bounds, so that one processor does not take back what another needed; without the page they start anew.
        var before = StatedIn(GeneratedPage.Read("families.md"));
        var stated = StatedIn(GeneratedPage.Check("families.md", Page(rows, row => Math.Max(Bound(row), before.GetValueOrDefault(row.Family))), WithoutErrors));
        Assert.All(rows, row => Assert.True(row.Error <= stated[row.Family], $"{row.Family}: {row.Error:g2} measured, at most {stated[row.Family]:g2} stated."));
    }

    private static double Bound(FamilyRow row)
    {
        var bound = s_steps.FirstOrDefault(step => row.Error * Room <= step);
        Assert.True(bound > 0, $"{row.Family} is off by {row.Error:g2}: far more than rounding.");
        return bound;
    }

    private static FamilyRow Row(ModelFamily family, IReadOnlyList<FamilyProof> proofs)
    {
        Assert.True(proofs.Count > 0, $"{family.Name} is compared with nothing: name a reference folder in GoldenTests.");
        Assert.True(Registry.Default.Families.ContainsKey(family.Name), $"{family.Name} has no words in weights/registry.json.");
        return new FamilyRow(
            family.Name,
            Registry.Default.Families[family.Name],
            string.Join(" and ", proofs.Select(proof => proof.Kind).Distinct().Order().Select(kind => kind == ProofKind.Reference ? "the reference's code" : "the reference's formulas")),
            proofs.Count,
            proofs.Sum(proof => proof.Tensors),
            proofs.Max(proof => proof.Error),
            Registry.Default.Models.Count(model => model.Architecture.Family == family.Name));
    }

    private static string Page(IReadOnlyList<FamilyRow> rows, Func<FamilyRow, double> bound)
    {
        var page = new StringBuilder("""
            # What every family was compared with

            Written by the tests (`PRISMA_RENEW_DOCS=1 ./prisma test --filter FamilyTableTests`), which also fail when it is out of date.

            Each checkpoint is a tiny one with random weights in the real layout (`tests/fixtures`), loaded as a user loads one and run in float32 on the CPU.
            *The reference's code*: tensors that transformers, timm, open_clip, diffusers, ViT-Prisma or TransformerLens itself computed from it.
            *The reference's formulas*: tensors of a short program that writes these formulas down again, because the reference's code was not at hand.
            *Tensors* counts places inside the model and outputs; *error at most* bounds |got − want| of every value in all of them: twice what the processors that
            wrote this page measured, rounded up to 1e-5, 2e-5, 5e-5 or 1e-4. Sums are rounded differently on every processor, so less than 1e-5 is never stated.
            No published checkpoint is among these. *Known models* are entries of `weights/registry.json`; each says how far it was checked (`./prisma models show NAME`).

            | family | what it loads | compared with | checkpoints | tensors | error at most | known models |
            |---|---|---|---|---|---|---|

            """);
        foreach (var row in rows)
            page.Append(CultureInfo.InvariantCulture, $"| `{row.Family}` | {row.Reads} | {row.Kind} | {row.Checkpoints} | {row.Tensors} | {bound(row):0e-0} | {row.Models} |\n");
        page.Append(CultureInfo.InvariantCulture, $"\n{rows.Count} families, {rows.Sum(row => row.Checkpoints)} checkpoints, {rows.Sum(row => row.Tensors)} tensors; {Registry.Default.Models.Count} known models.\n");
        return page.ToString();
    }

    private static string WithoutErrors(string page) => string.Join('\n', page.Split('\n').Select(line =>
        line.StartsWith("| `", StringComparison.Ordinal) ? string.Join('|', line.Split('|').Where((_, cell) => cell != 6)) : line));

    private static Dictionary<string, double> StatedIn(string page) => page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('|'))
        .ToDictionary(cells => cells[1].Trim(' ', '`'), cells => double.Parse(cells[6], CultureInfo.InvariantCulture), StringComparer.Ordinal);

    private sealed record FamilyRow(string Family, string Reads, string Kind, int Checkpoints, int Tensors, double Error, int Models);
}
