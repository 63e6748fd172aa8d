using Prisma.Core;
using Prisma.Tests.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Tests.Vision;

/// <summary>What a family was held against.</summary>
internal enum ProofKind
{
    /// <summary>Tensors that the reference's own code computed.</summary>
    Reference,

    /// <summary>Tensors of the reference's formulas, written down again.</summary>
    Formula,
}

/// <summary>One comparison of a checkpoint with its reference.</summary>
/// <param name="Family">The family that loaded it.</param>
/// <param name="Kind">What it was held against.</param>
/// <param name="Folder">The checkpoint's folder.</param>
/// <param name="Tensors">Tensors compared.</param>
/// <param name="Error">The largest |got − want| of all.</param>
internal sealed record FamilyProof(string Family, ProofKind Kind, string Folder, int Tensors, double Error)
{
    /// <summary>Every comparison that the golden tests make of whole models, measured now.</summary>
    internal static IReadOnlyList<FamilyProof> Measure() =>
    [
        .. GoldenTests.Names.Select(Golden),
        .. s_caches.Select(pair => Cached(pair.Folder, pair.Steps)),
        .. Diffusion(),
    ];

    private static readonly (string Folder, ProcessingStep[] Steps)[] s_caches =
    [
        ("prisma_hooked_vit", []),
        ("prisma_hooked_vit_processed", [ProcessingStep.FoldLn, ProcessingStep.CenterWriting, ProcessingStep.FoldValueBiases]),
        ("tl_hooked_gpt2", []),
        ("tl_gqa_rotary", []),
        ("tl_neox", []),
        ("tl_gpt2_processed", [ProcessingStep.FoldLn, ProcessingStep.CenterWriting, ProcessingStep.CenterUnembed, ProcessingStep.FoldValueBiases]),
    ];

    private static FamilyProof Golden(string folder)
    {
        using var model = Models.Load(Fixture.Path($"models/{folder}"));
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        var compared = Verification.Compare(model, expected).Where(row => row.Place is not null).ToList();
        return new FamilyProof(model.Card.Family, folder.StartsWith("formula_", StringComparison.Ordinal) ? ProofKind.Formula : ProofKind.Reference, folder, compared.Count, compared.Max(row => row.MaxError));
    }

    // The whole dictionary of run_with_cache.
    private static FamilyProof Cached(string folder, ProcessingStep[] steps)
    {
        using var model = Models.Load(Fixture.Path($"models/{folder}"));
        if (steps.Length > 0) Processing.Apply(model, steps);
        using var expected = TensorSource.Open(Fixture.Path($"models/{folder}/expected.safetensors"));
        using var cache = TensorSource.Open(Fixture.Path($"models/{folder}/cache.safetensors"));
        using var scope = NewDisposeScope();
        using var recording = model.Run(expected.Get("input").ToTensor(), HookPlan.Empty.Keep("*"));
        var worst = 0.0;
        foreach (var tensor in cache.Tensors)
        {
            var (name, want) = (tensor.Name, tensor.ToTensor());
            // Where inputs are split the reference keeps the last of three calls of the norm, per head.
            var split = name.Contains(".ln1.", StringComparison.Ordinal) && want.ndim == 4;
            var own = split ? name.Replace(".ln1.", ".ln1_v.", StringComparison.Ordinal) : name;
            var got = recording.Cache[Site.Parse(model.Points.Any(point => point.Site.ToString() == own) ? own : name)];
            if (want.ndim == got.ndim + 1) got = got.unsqueeze(2).expand(want.shape);
            worst = Math.Max(worst, Difference(got, want));
        }
        return new FamilyProof(model.Card.Family, ProofKind.Reference, folder, cache.Tensors.Count, worst);
    }

    private static List<FamilyProof> Diffusion()
    {
        using var scope = NewDisposeScope();
        using var expected = new DiffusionFixture();
        var found = new List<FamilyProof>();
        using (var unet = Models.Load(Fixture.Path("diffusion/unet")))
        {
            using var recording = unet.Run(expected.Input(999), HookPlan.Empty.Keep("*"));
            List<double> errors = [.. UnetTests.Places(expected.Names).Select(pair => Difference(recording.Cache[Site.Parse(pair.Place)], expected[pair.Name])), Difference(recording.Main, expected["unet.t999.out"])];
            found.Add(new FamilyProof("unet", ProofKind.Reference, "diffusion/unet", errors.Count, errors.Max()));
        }
        using (var vae = Models.Load(Fixture.Path("diffusion/vae")))
        {
            using var encoded = vae.Run(expected["vae.encode.in"], HookPlan.Empty);
            using var decoded = vae.Run(new ModelInput { ["latents"] = expected["denoise1.out"] / 0.13025 }, HookPlan.Empty);
            double[] errors = [Difference(encoded.Outputs["latent_mean"], expected["vae.encode.mean"]), Difference(encoded.Outputs["latent_logvar"], expected["vae.encode.logvar"]), Difference(decoded.Main, expected["vae.decode.out"])];
            found.Add(new FamilyProof("autoencoder_kl", ProofKind.Reference, "diffusion/vae", errors.Length, errors.Max()));
        }
        foreach (var (folder, number, layers, ids, output) in new[] { ("text_encoder", 1, 3, "text.input_ids", "pooler_output"), ("text_encoder_2", 2, 4, "text.input_ids_2", "text_embeds") })
        {
            using var text = Models.Load(Fixture.Path($"diffusion/{folder}"));
            using var recording = text.Run(new ModelInput { ["input_ids"] = expected[ids] }, HookPlan.Empty.Keep("*hook_resid_*"));
            List<double> errors = [.. Enumerable.Range(0, layers + 1).Select(i => Difference(recording.Cache[i < layers ? Site.ResidPre[i] : Site.ResidPost[i - 1]], expected[$"text.encoder_{number}.hidden_states.{i}"]))];
            errors.AddRange(new[] { "last_hidden_state", output }.Select(name => Difference(recording.Outputs[name], expected[$"text.encoder_{number}.{name}"])));
            found.Add(new FamilyProof("clip_text", ProofKind.Reference, $"diffusion/{folder}", errors.Count, errors.Max()));
        }
        return found;
    }

    private static double Difference(Tensor got, Tensor want)
    {
        using var scope = NewDisposeScope();
        var (g, w) = (got.to(float64).flatten(), want.to(float64).flatten());
        Assert.Equal(w.shape, g.shape);
        return (g - w).abs().masked_fill(g.eq(w), 0).max().item<double>();  // equal infinities are equal
    }
}
