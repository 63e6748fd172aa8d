using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Counts live native tensors of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Prisma.Tests.Engine.Alone))]
public sealed class CoderLeakTests
{
    [Fact]
    public void Opening_encoding_splicing_measuring_and_training_leave_no_tensor_behind() => Leaks.None(Work);

    private static void Work()
    {
        foreach (var name in new[] { "prisma_pickled_gated_topk", "saelens6_skip_transcoder", "saelens6_topk_rescale", "saelens6_batchtopk_training_checkpoint" })
        {
            using var coder = CoderFile.Open(Fixture.Path($"saes/{name}"));
            using var x = randn(5, 8);
            using var encoded = SaeEncode.Run(coder, x);
        }
        foreach (var name in new[] { "circuit_tracer_plt_topk", "circuit_tracer_clt_jumprelu", "dictionary_learning_batchtopk_crosscoder_decoupled", "openai_v5_topk_identity", "sparsify_groupmax" })
        {
            using var folder = new TempFolder();
            using var coder = CoderFile.OpenAny(Fixture.Path($"saes/{name}"));
            using var expected = TensorSource.Open(Fixture.Path($"saes/{name}/expected.safetensors"));
            using var x = expected.Get("x").ToTensor();
            using var encoded = SaeEncode.Run(coder, x);
            CoderWriters.Named("prisma-sae/1").Write(coder, folder.Path);
        }
        using var model = Models.Catalog.Families.Single(family => family.Name == "vit").Tiny();
        using var inputs = new TinyInput(model);
        var card = Toy.Card("standard") with { Reads = [Site.Ln2Normalized[0]], Writes = [Site.MlpOut[1]], Origin = new Provenance { Scope = TokenScope.Patches } };
        using var transcoder = Made(() => Toy.Random(16, 12, card));
        var edits = new SpliceOptions { KeepError = false, Edits = [new FeatureEdit(2, FeatureAction.Add, 1) { Tokens = [3] }] };
        using var recording = model.Run(inputs.Input, Splice.Into(HookPlan.Empty, transcoder, model, inputs.Input, edits).Keep(Site.MlpOut[1]));
        using var data = randn(200, 8);
        using var trained = Trained(data.clone());
        var fidelity = new Fidelity(trained);
        fidelity.Add(data);
        Assert.Single(fidelity.Report().Rows);
    }

    private static ISparseCoder Trained(Tensor rows)
    {
        using var source = new MatrixSource(new Dictionary<string, Tensor> { ["x"] = rows }, seed: 1);
        var settings = new CoderSettings { Architecture = "topk", Options = new TopKOptions { K = 2 }, Dead = new DeadOptions { After = 100 } };
        var job = new TrainJob { Name = "one", Reads = ["x"], Writes = ["x"], Features = 16, Settings = settings };
        using var run = Trainer.Fit([job], source, new RunOptions { Steps = 60, BatchRows = 50 }, new Quiet()).Single();
        return run.Coder.Freeze();
    }

    private static StandardCoder Made(Func<StandardCoder> make)
    {
        using var scope = NewDisposeScope();
        return make();
    }
}
