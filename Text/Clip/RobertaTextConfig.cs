using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>What of a RoBERTa's configuration enters the forward pass of <see cref="RobertaText"/>.</summary>
public sealed record RobertaTextConfig
{
    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>d_mlp.</summary>
    public required int Hidden { get; init; }

    /// <summary>One more than the greatest id.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Entries of the position table; those up to the padding's id belong to no token.</summary>
    public required int Positions { get; init; }

    /// <summary>The length that texts are padded to.</summary>
    public int Context { get; init; } = 77;

    /// <summary>The id of padding.</summary>
    public int PadId { get; init; } = 1;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>The width of the joint embedding.</summary>
    public required int Projection { get; init; }

    /// <summary>The hidden width of a projection by two matrices; 0 for one matrix.</summary>
    public int ProjectionHidden { get; init; }

    /// <summary>
    /// Reads an open_clip <c>text_cfg</c> with <c>hf_model_name</c>. What that name stands for is in the table embedded here, taken from the models'
    /// published configurations; <c>hf_model_config</c> counts over it.
    /// </summary>
    /// <param name="json">The object; its reading is finished here.</param>
    /// <param name="embedding">The width of the joint embedding.</param>
    /// <param name="where">The object, for messages.</param>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    public static RobertaTextConfig Read(ConfigReader json, int embedding, string where)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.Ignore("hf_tokenizer_name", "hf_model_pretrained", "width", "heads", "layers", "vocab_size");
        var (name, table) = (json.Text("hf_model_name"), Table());
        var known = table.ContainsKey(name);
        // The keys' names of files from before 2023 stand second.
        var pooler = json.Text("hf_pooler_type", json.Text("pooler_type", "mean_pooler"));
        var projection = json.Text("hf_proj_type", json.Text("proj", "mlp"));
        json.Require(known, $"the text tower 'hf_model_name' = '{name}' is not built; {string.Join(", ", table.Keys)} are")
            .Require(pooler == "mean_pooler", $"'hf_pooler_type' = '{pooler}' is not built; mean_pooler is")
            .Require(projection is "mlp" or "linear", $"'hf_proj_type' = '{projection}' is not built; mlp and linear are");
        var (own, context) = (json.Object("hf_model_config", required: false), json.Int("context_length", 77));
        json.Finish();
        var arguments = JsonNode.Parse(table[name].GetRawText())!.AsObject();
        foreach (var argument in own.EnumerateObject()) arguments[argument.Name] = JsonNode.Parse(argument.Value.GetRawText());
        var model = new ConfigReader(JsonSerializer.SerializeToElement(arguments), $"{where}, {name}").Ignore("hidden_dropout_prob", "attention_probs_dropout_prob");
        var width = model.Int("hidden_size");
        var config = new RobertaTextConfig
        {
            Width = width,
            Layers = model.Int("num_hidden_layers"),
            Heads = model.Int("num_attention_heads"),
            Hidden = model.Int("intermediate_size"),
            Vocabulary = model.Int("vocab_size"),
            Positions = model.Int("max_position_embeddings"),
            Context = context,
            PadId = model.AnyInt("pad_token_id", 1),
            Activation = model.Activation("hidden_act", "gelu"),
            Eps = model.Double("layer_norm_eps", 1e-5),
            Projection = embedding,
            ProjectionHidden = projection == "mlp" ? (width + embedding) / 2 : 0,
        };
        model.Require(width % config.Heads == 0, $"{config.Heads} attention heads do not divide the width {width}")
            .Require(config.PadId >= 0 && config.Positions > config.PadId + 1, $"a position table of {config.Positions} entries has none for tokens behind the padding's {config.PadId}");
        model.Finish();
        return config;
    }

    private static Dictionary<string, JsonElement> Table()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("roberta.models.json")
            ?? throw new InvalidOperationException("The table 'roberta.models.json' is not embedded in Prisma.Text.");
        using var document = JsonDocument.Parse(stream);
        return document.RootElement.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.Clone(), StringComparer.Ordinal);
    }
}
