using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// The attentive pooler of V-JEPA 2's classifiers: blocks of plain self-attention, then one learned query, not normalised, looks at all
/// tokens; there is no output projection. Its places stand under <c>pooler.</c>.
/// </summary>
public sealed class AttentivePooler : Module
{
    private readonly VJepa2Config _config;
    private readonly Block[] _blocks;
    private readonly Weight _query;
    private readonly LayerNorm _ln1, _ln2;
    private readonly Linear _q, _keysValues;
    private readonly Mlp _mlp;
    private readonly HookPoint _qPoint, _kPoint, _vPoint, _scores, _pattern, _z, _attnOut, _mlpOut;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public AttentivePooler(VJepa2Config config)
    {
        _config = config;
        var (width, heads) = (config.Encoder.Width, config.Encoder.Heads);
        Mlp Mlp() => new(width, 4 * width, Activation.Named(config.Activation));
        _blocks = [.. Enumerable.Range(0, config.PoolerLayers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = width, Heads = heads }), Mlp(), LayerNorm.With(config.Eps))))];
        _query = Declare("query_tokens", 1, 1, width);
        _ln1 = Child("ln1", new LayerNorm(width, config.Eps, Site.Ln1Scale, Site.Ln1Normalized));
        _q = Child("q", new Linear(width, width));
        _keysValues = Child("kv", new Linear(width, 2 * width));
        _qPoint = Point(Site.Q);
        _kPoint = Point(Site.K);
        _vPoint = Point(Site.V);
        _scores = Point(Site.AttnScores);
        _pattern = Point(Site.Pattern);
        _z = Point(Site.Z);
        _attnOut = Point(Site.AttnOut);
        _ln2 = Child("ln2", new LayerNorm(width, config.Eps, Site.Ln2Scale, Site.Ln2Normalized));
        _mlp = Child("mlp", Mlp());
        _mlpOut = Point(Site.MlpOut);
    }

    /// <summary>Pools [B, P, d] into [B, d].</summary>
    public Tensor Forward(Tensor x, HookRun run)
    {
        using var scope = NewDisposeScope();
        foreach (var block in _blocks) x = block.Forward(x, run);
        var (batch, tokens, width, heads) = (x.shape[0], x.shape[1], x.shape[2], (long)_config.Encoder.Heads);
        var query = _query.Value.expand(batch, 1, width);
        var both = _keysValues.Forward(_ln1.Forward(x, run)).view(batch, tokens, 2, heads, width / heads);
        var q = _qPoint.Pass(_q.Forward(query).view(batch, 1, heads, width / heads), run);
        var k = _kPoint.Pass(both.select(2, 0), run);
        var v = _vPoint.Pass(both.select(2, 1), run);
        var scale = Math.Pow(width / heads, -0.5);
        var scores = _scores.Pass(q.transpose(1, 2).matmul(k.permute(0, 2, 3, 1)) * scale, run);
        var pattern = _pattern.Pass(scores.softmax(-1), run);
        var z = _z.Pass(pattern.matmul(v.transpose(1, 2)).transpose(1, 2), run);
        var pooled = query + _attnOut.Pass(z.reshape(batch, 1, width), run);
        pooled = pooled + _mlpOut.Pass(_mlp.Forward(_ln2.Forward(pooled, run), run), run);
        return pooled.select(1, 0).MoveToOuterDisposeScope();
    }

    internal static void Map(WeightMap map, VJepa2Config config) => map
        .PerBlock(config.PoolerLayers, "blocks.{i}.", "self_attention_layers.{i}.", block => block
            .Pair("ln1", "layer_norm1").Pair("ln2", "layer_norm2").Pair("attn.out", "self_attn.out_proj")
            .Stack("attn.qkv.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight")
            .Stack("attn.qkv.bias", "self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias")
            .Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2"))
        .Copy("query_tokens", "query_tokens")
        .Under("", "cross_attention_layer.", cross => cross
            .Pair("ln1", "layer_norm1").Pair("ln2", "layer_norm2").Pair("q", "cross_attn.q_proj")
            .Stack("kv.weight", "cross_attn.k_proj.weight", "cross_attn.v_proj.weight")
            .Stack("kv.bias", "cross_attn.k_proj.bias", "cross_attn.v_proj.bias")
            .Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2"));
}
