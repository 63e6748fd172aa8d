using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Formats of other libraries that are recognised, so that the refusal can name them, but have no reader yet.</summary>
public sealed class UnbuiltFormats : CoderFormat
{
    private static readonly (string Library, Func<CoderFolder, IEnumerable<string>> Files)[] s_known =
    [
        ("EleutherAI sparsify", folder => folder.Has("cfg.json") ? folder.EndingWith("sae.safetensors").Where(file => file == "sae.safetensors") : []),
        ("dictionary_learning", folder => folder.EndingWith(".pt", ".safetensors").Where(file => file is "ae.pt" or "model_final.pt" || file.StartsWith("ae_", StringComparison.Ordinal)
            || (folder.TensorNames(file) is { } names && names.Contains("encoder.weight") && (names.Contains("bias") || names.Contains("decoder.bias")) && folder.Json("config.json") is { } config && config.TryGetProperty("trainer", out _)))),
        ("Gemma Scope", folder => folder.EndingWith("params.npz", "params.safetensors")),
        ("Llama Scope", folder => folder.Has("hyperparams.json") ? folder.EndingWith("final.safetensors", "sae_weights.safetensors") : []),
        ("llamascopium", folder => folder.Has("config.json") && !folder.Has("cfg.json") ? folder.EndingWith("sae_weights.safetensors") : []),
        ("circuit-tracer or mwhanna's transcoders", folder => folder.EndingWith(".safetensors").Where(file => file.StartsWith("layer_", StringComparison.Ordinal) || file.StartsWith("W_enc_", StringComparison.Ordinal))),
        ("OpenAI sparse_autoencoder", folder => folder.EndingWith(".pt").Where(file => folder.TensorNames(file) is { } names && names.Contains("pre_bias") && names.Contains("latent_bias"))),
        ("sdxl-unbox", folder => folder.EndingWith("state_dict.pth").Where(file => folder.TensorNames(file)?.Contains("state_dict.latent_bias") == true)),
        ("MSAE", folder => folder.EndingWith(".pth").Where(file => folder.TensorNames(file)?.Contains("mean_center") == true)),
        ("overcomplete", folder => folder.EndingWith(".pt", ".pth").Where(file => folder.TensorNames(file)?.Contains("dictionary._weights") == true)),
        ("connor_rob (hook_z)", folder => folder.EndingWith(".pt").Where(file => folder.Has(Path.GetFileNameWithoutExtension(file) + "_cfg.json"))),
        ("Goodfire", folder => folder.EndingWith(".pt").Where(file => folder.TensorNames(file) is { } names
            && (names.Contains("encoder_linear.weight") || (names.Contains("encoder.weight") && names.Contains("decoder.bias") && folder.Json("config.json") is null)))),
    ];

    /// <inheritdoc/>
    public override string Name => "others, recognised but not built";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder) =>
        s_known.SelectMany(known => known.Files(folder)).Distinct(StringComparer.Ordinal).Select(file => new CoderCandidate(this, folder[file]));

    /// <inheritdoc/>
    public override ISparseCoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        var folder = new CoderFolder(Path.GetDirectoryName(candidate.Weights)!);
        var library = s_known.First(known => known.Files(folder).Contains(Path.GetFileName(candidate.Weights))).Library;
        throw new CheckpointException($"'{candidate.Weights}' looks like a coder of {library}; a reader for that format is not built. Built: ViT-Prisma, SAELens.");
    }
}
