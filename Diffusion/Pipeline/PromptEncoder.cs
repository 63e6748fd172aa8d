using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// A pipeline's tokenizers and text encoders. Where there is a pooled text, tokens are read at the last but one layer and joined over the
/// encoders; otherwise they are the encoder's normalised output.
/// </summary>
internal sealed class PromptEncoder : IDisposable
{
    private readonly IReadOnlyList<(string Name, ITokenizer Tokenizer, HookedModel Model)> _encoders;
    private readonly bool _penultimate;

    private PromptEncoder(IReadOnlyList<(string, ITokenizer, HookedModel)> encoders, bool penultimate) => (_encoders, _penultimate) = (encoders, penultimate);

    internal IReadOnlyList<HookedModel> Models => [.. _encoders.Select(encoder => encoder.Model)];

    internal static PromptEncoder Open(PipelineFolder folder, ModelCatalog catalog)
    {
        var encoders = new List<(string, ITokenizer, HookedModel)>();
        try
        {
            foreach (var name in folder.TextEncoders)
                encoders.Add((name, Tokenizers.Open(folder[PipelineFolder.TokenizerOf(name)]), catalog.Load(folder[name])));
            return new PromptEncoder(encoders, folder.ReadsPenultimate);
        }
        catch
        {
            foreach (var (_, _, model) in encoders) model.Dispose();
            throw;
        }
    }

    /// <summary>The words of a prompt as the last tokenizer cuts it, padding left out: one text for each token.</summary>
    internal IReadOnlyList<string> TokensOf(string prompt)
    {
        var tokenizer = _encoders[0].Tokenizer;
        return [.. tokenizer.Encode(prompt).Select(id => tokenizer.Decode([id]).Trim())];
    }

    /// <summary>The prompts' embeddings; their tensors belong to the caller's scope.</summary>
    internal PromptEmbedding Encode(IReadOnlyList<string> prompts)
    {
        using var scope = NewDisposeScope();
        var states = new List<Tensor>();
        Tensor? pooled = null;
        foreach (var (name, tokenizer, model) in _encoders)
        {
            var rows = prompts.Select(prompt => tokenizer.Encode(prompt, new EncodeOptions { Pad = true }).Select(id => (long)id).ToArray()).ToList();
            var ids = tensor(rows.SelectMany(row => row).ToArray(), [rows.Count, rows[0].Length]);
            // The stream into the last block: the reference's hidden_states[-2].
            var last = model.Points.Last(point => point.Kind == Site.ResidPre).Site;
            using var recording = model.Run(new ModelInput { ["input_ids"] = ids }, HookPlan.Empty.Keep(last));
            states.Add((_penultimate ? recording.Cache[last] : recording.Outputs["last_hidden_state"]).cpu().alias());
            if (!_penultimate || name != _encoders[^1].Name) continue;
            pooled = recording.Outputs.TryGetValue("text_embeds", out var embeds)
                ? embeds.cpu().alias()
                : throw new CheckpointException($"{model.Card.Path}: the last text encoder must have a projection (CLIPTextModelWithProjection).");
        }
        return new PromptEmbedding((states.Count == 1 ? states[0].alias() : cat(states, -1)).MoveToOuterDisposeScope(), pooled?.MoveToOuterDisposeScope());
    }

    public void Dispose()
    {
        foreach (var (_, _, model) in _encoders) model.Dispose();
    }
}
