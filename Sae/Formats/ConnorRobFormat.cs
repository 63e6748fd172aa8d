using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The attention-output autoencoders of Kissane and Krzyzanowski: <c>NAME.pt</c> beside <c>NAME_cfg.json</c>; ReLU, all heads together.</summary>
public sealed class ConnorRobFormat : StateDictFormat
{
    private const string ConfigEnding = "_cfg.json";

    /// <inheritdoc/>
    public override string Name => "connor_rob hook_z";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.EndingWith(".pt")
            .Where(file => folder.Json(Path.GetFileNameWithoutExtension(file) + ConfigEnding) is { } config && config.TryGetProperty("dict_size", out _))
            .Select(file => new CoderCandidate(this, folder[file], folder[Path.GetFileNameWithoutExtension(file) + ConfigEnding]));
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var (inputs, features) = tensors.Sizes("W_enc");
        reading.CheckSize("act_size", inputs);
        reading.CheckSize("dict_size", features);
        config.ByFormat("activation", "relu", "the only one");
        config.ByFormat("apply_b_dec_to_input", true, "the only way");
        var bias = tensors.Take("b_dec", inputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed("W_enc", inputs, features),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = tensors.Take("W_dec", features, inputs),
            OutputBias = bias,
            InputBias = bias.clone(),
        };
        var hook = config.Text("act_name") ?? "";
        var card = CoderReading.Card("standard", weights, reading.Origin("connor_rob", config.Text("model_name") ?? "", hook))
            with
        { FlattensHeads = hook.EndsWith(Site.Z.Name, StringComparison.Ordinal) };
        return () => new StandardCoder(card, weights);
    }
}
