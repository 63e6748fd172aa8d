using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// saev's coders on vision transformers: <c>sae.pt</c> with one line of JSON before the state dict. Files without a schema or of schema 1 were
/// trained with b_dec subtracted from the input, those from schema 3 on without; schema 2 has both. Inputs are those of training: centred and
/// scaled where the run's own configuration says so.
/// </summary>
public sealed class SaevFormat : StateDictFormat
{
    private const int MaxHeader = 1 << 20;

    /// <inheritdoc/>
    public override string Name => "saev";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.EndingWith(".pt")
            .Where(file => folder.TensorNames(file) is { } names && names.IsSupersetOf(["W_enc", "W_dec", "b_enc", "b_dec"]) && Header(folder[file]) is not null)
            .Select(file => new CoderCandidate(this, folder[file]));
    }

    private protected override JsonElement Configuration(CoderCandidate candidate, TensorSource source) => Header(candidate.Weights) ?? ConfigFile.Empty;

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var (inputs, features) = tensors.Sizes("W_enc");
        var bias = tensors.Take("b_dec", inputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed("W_enc", inputs, features),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = tensors.Take("W_dec", features, inputs),
            OutputBias = bias,
            InputBias = Subtracts(config) ? bias.clone() : null,
        };
        config.ByFormat("x", "as in training", "centred and scaled where the run's configuration says so");
        var origin = reading.Origin("saev");
        CoderCard Card(string architecture) => CoderReading.Card(architecture, weights, origin);
        var activation = config.Text("cfg.activation.cls") ?? (config.Text("cls") is { } name and not "SparseAutoencoderConfig" ? name
            : config.Int("schema") is null ? config.ByFormat("activation", "Relu", "the only one when the file was written")
            : throw config.Open("cfg.activation.cls", "Relu, TopK or BatchTopK"));
        switch (activation)
        {
            case "Relu": return () => new StandardCoder(Card("standard"), weights);
            case "TopK":
                var k = reading.K("cfg.activation.params.top_k", "cfg.top_k");
                return () => new SignedTopKCoder(Card("signed_topk"), weights, k);
            case "BatchTopK":
                var average = reading.K("cfg.activation.params.top_k", "cfg.top_k");
                // A threshold of zero or below keeps every positive feature.
                var threshold = tensors.Scalar("activation.threshold");
                reading.NoteSelection(threshold is not null);
                return () => new BatchTopKCoder(Card("batchtopk"), weights, average, threshold, reading.Options.Select);
            default: throw config.Unknown("activation", activation, "Relu", "TopK", "BatchTopK");
        }
    }

    private static bool Subtracts(CoderConfig config)
    {
        const string Key = "apply_b_dec_to_input";
        return config.Flag(Key) ?? config.Int("schema") switch
        {
            null or 1 => config.ByFormat(Key, true, "as the library did when the file was written"),
            2 => throw config.Open(Key, "true or false; the library changed it while it wrote this schema"),
            _ => config.ByFormat(Key, false, "as the library does since schema 3"),
        };
    }

    // The line before the archive; null where there is none.
    private static JsonElement? Header(string path)
    {
        using var file = File.OpenRead(path);
        if (file.ReadByte() != '{') return null;
        file.Position = 0;
        var start = new byte[Math.Min(MaxHeader, file.Length)];
        file.ReadExactly(start);
        var end = Array.IndexOf(start, (byte)'\n');
        if (end < 0) return null;
        try
        {
            using var document = JsonDocument.Parse(start.AsMemory(0, end));
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
