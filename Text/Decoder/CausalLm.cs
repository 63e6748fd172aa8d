using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// A causal language model: token embeddings (and positions, where they are learned), blocks, a final norm, logits for the token after
/// each. Families say what the blocks are. input_ids [B, P] and attention_mask [B, P] to logits [B, P, V] and the last hidden state. The mask may
/// hide padding on either side: positions count from each text's first token, as when it is read alone.
/// </summary>
public sealed class CausalLm : HookedModel, ILogitReadout
{
    private readonly CausalLmOptions _options;
    private readonly Weight _tokens;
    private readonly Weight? _positions;
    private readonly HookPoint _embed, _lnFinal;
    private readonly HookPoint? _posEmbed;
    private readonly Block[] _blocks;
    private readonly Norm _norm;
    private readonly Linear? _head;

    /// <summary>Declares <c>token_embed</c>, <c>pos_embed</c>, the blocks, <c>ln_final</c> and <c>head</c>, without values.</summary>
    /// <param name="options">What stands around the blocks.</param>
    /// <param name="block">Makes block number i.</param>
    public CausalLm(CausalLmOptions options, Func<int, Block> block)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _tokens = Declare("token_embed", options.Vocabulary, options.Width);
        _embed = Point(Site.Embed);
        if (options.PositionTable)
        {
            _positions = Declare("pos_embed", options.Context, options.Width);
            _posEmbed = Point(Site.PosEmbed);
        }
        _blocks = [.. Enumerable.Range(0, options.Layers).Select(i => BlockChild($"blocks.{i}", i, block(i)))];
        _norm = Child("ln_final", options.Norm(options.Width, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        _head = options.Head switch
        {
            LmHead.None => null,
            LmHead.Tied => Child("head", new Linear(_tokens)),
            _ => Child("head", new Linear(options.Width, options.Outputs ?? options.Vocabulary, options.HeadBias)),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["input_ids", "attention_mask"];

    /// <summary>One more than the greatest id.</summary>
    public int Vocabulary => _options.Vocabulary;

    /// <summary>The number of blocks.</summary>
    public int Layers => _blocks.Length;

    /// <summary>The number of tokens that the model is made for, stretched positions included.</summary>
    public int ContextLength => (int)(_options.Context * _options.Rotaries.Select(rotary => rotary.Settings.Reach).DefaultIfEmpty(1).Min());

    /// <summary>
    /// The length up to which keys in memory are what a pass over the whole text would make: dynamically stretched positions change them
    /// beyond the trained context.
    /// </summary>
    public long MemoryLength => _options.Rotaries.Select(rotary => rotary.Settings.Frequencies.Stable).DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>The blocks. Borrowed.</summary>
    public IReadOnlyList<Block> Blocks => _blocks;

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <summary>The last token: what comes next is read there. (Logits exist at every token.)</summary>
    public int? ReadToken => -1;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm;

    /// <summary>The map to the logits, before they are bounded where the model does so; null where the checkpoint has none.</summary>
    public Linear? Readout => _head;

    /// <inheritdoc/>
    protected override bool TakesMemory => true;

    /// <summary>The logits of a stream [..., d] of any layer: final norm, head, bound. The caller disposes them.</summary>
    /// <exception cref="PrismaException">The checkpoint has no head.</exception>
    public Tensor Unembed(Tensor resid)
    {
        using var scope = NewDisposeScope();
        return Logits(_norm.Plain(resid)).MoveToOuterDisposeScope();
    }

    /// <summary>The logits of a stream that went through the final norm [..., d]: what <see cref="Site.LnFinal"/> holds. The caller disposes them.</summary>
    /// <exception cref="PrismaException">The checkpoint has no head.</exception>
    public Tensor Logits(Tensor normed)
    {
        var head = _head ?? throw new PrismaException($"{Card.Name} ends without a head: it has no logits. Load the causal language model of this family.");
        using var scope = NewDisposeScope();
        var logits = head.Forward(normed);
        return (_options.LogitCap is { } cap ? (logits / cap).tanh() * cap : logits).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override bool Allows(ProcessingStep step) => step != ProcessingStep.CenterUnembed || (_head is not null && _options.LogitCap is null);

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var first = input.Memory?.Tokens ?? 0;
        var isPadded = input.Has("attention_mask");
        var ids = TokenIds.Checked(input["input_ids"], Vocabulary, _positions is null || isPadded ? null : Math.Max(0, _options.Context - first));
        var tokens = ids.shape[1];
        var (visible, positions) = isPadded ? TokenIds.Padded(input["attention_mask"], ids.shape[0], tokens, first + tokens, _blocks.Min(block => block.Attention.Window)) : (null, null);
        // Padding takes no room in the table, on neither side.
        if (isPadded && _positions is not null && first + tokens > _options.Context) positions = TokenIds.Within(positions, input["attention_mask"], tokens, _options.Context);
        var x = Embed(ids, first, positions, run);
        var context = new AttentionContext { Memory = input.Memory, Visible = visible, Positions = positions };
        context = context with { Turns = _options.Rotaries.ToDictionary(Rotary (rotary) => rotary, rotary => rotary.TurnsOf(context, tokens, x)) };
        foreach (var block in _blocks) x = block.Forward(x, run, context);
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        return _head is null
            ? new ModelOutput().With("last_hidden_state", x)
            : new ModelOutput().With("logits", Logits(x)).With("last_hidden_state", x);
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step is ProcessingStep.FoldLn or ProcessingStep.CenterWriting or ProcessingStep.CenterUnembed) _head?.Untie();
        switch (step)
        {
            case ProcessingStep.FoldLn when _head is not null:
                Processing.FoldNorm(_norm, _head);
                break;
            case ProcessingStep.CenterWriting when !_norm.Centres:
                throw new OptionsException("center-writing: the norms of this model keep the mean of the stream, so taking it away from what is written would change the model.");
            case ProcessingStep.CenterWriting:
                Processing.Center(_tokens);
                if (_positions is not null) Processing.Center(_positions);
                break;
            case ProcessingStep.CenterUnembed when _head is not null:
                Processing.CenterOutputs(_head);
                break;
        }
    }

    private Tensor Embed(Tensor ids, long first, Tensor? positions, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (batch, count) = (ids.shape[0], ids.shape[1]);
        var tokens = _tokens.Value.index_select(0, ids.flatten()).view(batch, count, _options.Width);
        if (_options.EmbedScale != 1) tokens *= (float)_options.EmbedScale;
        tokens = _embed.Pass(tokens, run);
        if (_positions is null || _posEmbed is null) return tokens.MoveToOuterDisposeScope();
        var places = positions is null
            ? _positions.Value.narrow(0, first, count).unsqueeze(0)
            : _positions.Value.index_select(0, positions.flatten()).view(batch, count, _options.Width);
        return (tokens + _posEmbed.Pass(places, run)).MoveToOuterDisposeScope();
    }
}
