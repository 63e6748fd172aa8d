using System.Text.Json;

namespace Prisma.Text;

/// <summary>
/// What the files beside a vocabulary say: names of the special tokens, the context length. Read from tokenizer_config.json,
/// special_tokens_map.json, added_tokens.json, open_clip_config.json and config.json, where present.
/// </summary>
internal sealed record TokenizerSettings
{
    private const long Unlimited = 1_000_000;       // Hugging Face writes 10^30 for "no limit"

    public string? TokenizerClass { get; private set; }
    public string? Start { get; set; }
    public string? End { get; set; }
    public string? Unknown { get; private set; }
    public string? Padding { get; set; }
    public bool? AddsStart { get; private set; }
    public bool? AddsEnd { get; private set; }
    public int? ContextLength { get; private set; }
    public Dictionary<string, int> Added { get; } = [];
    public bool IsOpenClip { get; private set; }

    public static TokenizerSettings Read(string folder)
    {
        var settings = new TokenizerSettings();
        // The later file wins, as in the reference: the map is written from the configuration.
        if (JsonFile.TryOpen(folder, "special_tokens_map.json") is { } map) settings.ReadNames(map);
        if (JsonFile.TryOpen(folder, "tokenizer_config.json") is { } config)
        {
            settings.ReadNames(config);
            settings.TokenizerClass = Text(config, "tokenizer_class");
            settings.AddsStart = Flag(config, "add_bos_token");
            settings.AddsEnd = Flag(config, "add_eos_token");
            settings.Limit(config, "model_max_length");
            settings.ReadAdded(config);
        }
        if (JsonFile.TryOpen(folder, "added_tokens.json") is { } added)
        {
            foreach (var token in added.EnumerateObject()) settings.Added[token.Name] = token.Value.GetInt32();
        }
        settings.ReadModel(folder);
        return settings;
    }

    // The positions a model has limit the context whatever its tokenizer says.
    private void ReadModel(string folder)
    {
        if (JsonFile.TryOpen(folder, "open_clip_config.json") is { } openClip)
        {
            IsOpenClip = true;
            if (Object(openClip, "model_cfg") is { } model && Object(model, "text_cfg") is { } text) Limit(text, "context_length");
        }
        if (JsonFile.TryOpen(folder, "config.json") is { } config)
        {
            var text = Object(config, "text_config") ?? config;
            Limit(text, "max_position_embeddings");
            Limit(text, "n_positions");
            Limit(text, "n_ctx");
        }
    }

    private void ReadNames(JsonElement json)
    {
        Start = Text(json, "bos_token") ?? Start;
        End = Text(json, "eos_token") ?? End;
        Unknown = Text(json, "unk_token") ?? Unknown;
        Padding = Text(json, "pad_token") ?? Padding;
    }

    private void ReadAdded(JsonElement config)
    {
        if (Object(config, "added_tokens_decoder") is not { } decoder) return;
        foreach (var token in decoder.EnumerateObject())
        {
            if (Text(token.Value, "content") is { } content && int.TryParse(token.Name, out var id)) Added[content] = id;
        }
    }

    private void Limit(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out var value) || value.ValueKind != JsonValueKind.Number) return;
        if (value.TryGetInt64(out var length) && length is > 0 and < Unlimited) ContextLength = (int)Math.Min(length, ContextLength ?? length);
    }

    // A token is a string or an object with its content.
    private static string? Text(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out var value)) return null;
        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out var content)) value = content;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    private static bool? Flag(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;

    private static JsonElement? Object(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;
}
