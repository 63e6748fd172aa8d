using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Samples;

/// <summary>The README's code, compiled and run; the test beside it holds the README to these lines.</summary>
public sealed class ReadmeSample
{
    [Fact]
    public void The_readme_shows_these_lines_and_they_run()
    {
        var modelFolder = Path.Combine(Fixture.Root, "weights", "demo", "vit");
        var saeFolder = Path.Combine(Fixture.Root, "weights", "demo", "sae");
        using var scope = NewDisposeScope();
        var pixels = randn(2, 3, 64, 64);
        // sample
        using var model = Models.Load(modelFolder);
        using var sae = Coders.Load(saeFolder);
        using var recording = model.Run(pixels, HookPlan.Empty
            .Keep(Site.ResidPost[4])
            .Keep("*.attn.hook_pattern")
            .Edit(Site.MlpOut[5], (value, _) => value * 0.5));
        Tensor stream = recording.Cache[Site.ResidPost[4]];           // [2, 65, 128], borrowed: the recording owns it
        using var codes = sae.Encode(stream);                         // which of 1,024 features fire on which token
        var without = Splice.Into(HookPlan.Empty, sae, model, pixels, new SpliceOptions { Edits = [new FeatureEdit(37, FeatureAction.Ablate)] });
        using var ablated = model.Run(pixels, without);               // the same model without feature 37
        Tensor change = ablated.Main - recording.Main;                // [2, 6]: what it does to the logits
        // end

        Assert.Equal([2, 65, 128], stream.shape);
        Assert.Equal([2, 6], change.shape);
        Assert.Equal(130, codes.Rows);
        var source = File.ReadAllLines(Path.Combine(Fixture.Root, "tests", "Samples", "ReadmeSample.cs"))
            .SkipWhile(line => !line.EndsWith("// sample", StringComparison.Ordinal)).Skip(1).TakeWhile(line => !line.EndsWith("// end", StringComparison.Ordinal))
            .Select(line => line.Length > 8 ? line[8..] : line);
        Assert.Contains(string.Join("\n", source), File.ReadAllText(Path.Combine(Fixture.Root, "README.md")));
    }
}
