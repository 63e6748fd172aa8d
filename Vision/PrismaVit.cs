using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>What of ViT-Prisma's HookedViTConfig enters the forward pass.</summary>
public sealed record PrismaVitConfig
{
    /// <summary>The stack.</summary>
    public required VitStackConfig Stack { get; init; }

    /// <summary>What is read off the normalised stream.</summary>
    public PrismaReadout Readout { get; init; }

    /// <summary>Classes of the head.</summary>
    public int Classes { get; init; }

    /// <summary>Whether the head is applied; its weights are there in any case.</summary>
    public bool UsesHead { get; init; } = true;

    /// <summary>Whether the output is brought to length 1.</summary>
    public bool Normalises { get; init; }

    /// <summary>Whether the norms have gains and biases, or these were folded away before saving.</summary>
    public bool NormWeights { get; init; } = true;
}

/// <summary>What a HookedViT reads off its normalised stream.</summary>
public enum PrismaReadout
{
    /// <summary>The class token.</summary>
    Class,
    /// <summary>The mean of all tokens.</summary>
    Mean,
    /// <summary>The class token and the mean of the patches side by side, [B, d, 2].</summary>
    ClassAndPatches,
    /// <summary>All tokens.</summary>
    Stream,
}

/// <summary>
/// ViT-Prisma's own checkpoints (HookedViT): its configuration's names and its state dict with one matrix per head, <c>W_Q</c> [H, d, k].
/// Attention-only models too. What the reference's configuration carries but its forward pass never reads changes nothing here either.
/// Tubelets for video and its post-norm block are not built.
/// </summary>
public sealed class PrismaVitFamily : ModelFamily<PrismaVitConfig>
{
    // Carried along by the configuration: training, logging, and switches that only text models or nobody reads.
    private static readonly string[] s_idle =
    [
        "d_vocab", "d_vocab_out", "checkpoint_index", "checkpoint_value", "n_devices", "seed", "rotary_dim", "rotary_base", "n_params", "n_key_value_heads",
        "window_size", "cls_std", "pos_std", "log_frequency", "print_every", "lr", "weight_decay", "batch_size", "warmup_steps", "scheduler_step",
        "scheduler_gamma", "early_stopping_patience", "num_epochs", "max_grad_norm", "attn_dropout_rate", "mlp_dropout_rate", "save_cp_frequency",
        "video_tubelet_depth", "video_num_frames",
    ];

    /// <inheritdoc/>
    public override string Name => "prisma_vit";

    /// <inheritdoc/>
    protected override PrismaVitConfig TinyConfig => new()
    {
        Stack = new() { Width = 16, Layers = 2, Heads = 2, HeadWidth = 6, Hidden = 0, Patch = 4, Rows = 4, Columns = 4, Eps = 1e-6, PreNorm = true },
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) =>
        new[] { "n_layers", "d_model", "d_head", "patch_size" }.All(key => folder.Config.TryGetProperty(key, out _));

    /// <inheritdoc/>
    protected override PrismaVitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore(s_idle);
        json.Require(!json.Bool("is_video_transformer", false), "HookedViT on video (is_video_transformer) is not built")
            .Require(!json.Bool("use_bert_block", false), "the post-norm block (use_bert_block) is not built");
        var norm = json.Has("normalization_type") ? json.Text("normalization_type") : "none";
        json.Require(norm is "LN" or "LNPre", $"normalization_type '{norm}' is not built; LN and LNPre are");
        var solu = json.Text("activation_name", "gelu") == "solu_ln";  // with a norm behind it
        var patch = json.Int("patch_size");
        var side = json.Int("image_size") / patch;
        var classToken = json.Bool("use_cls_token", true);
        var stack = new VitStackConfig
        {
            Width = json.Int("d_model"),
            Layers = json.Int("n_layers"),
            Heads = json.Int("n_heads", 4),
            HeadWidth = json.Int("d_head"),
            Hidden = json.Bool("attn_only", false) ? Idle(json, "d_mlp") : json.Int("d_mlp"),
            Patch = patch,
            Rows = side,
            Columns = side,
            Channels = json.Int("n_channels", 3),
            ClassToken = classToken,
            PreNorm = json.Bool("layer_norm_pre", false),
            Eps = json.Double("eps", 1e-6),
            Activation = solu ? "solu" : json.Activation("activation_name", "gelu"),
            NeuronNorm = solu,
            ScaledScores = json.Bool("use_attn_scale", true),
        };
        var readout = ReadReadout(json);
        json.Require(readout is PrismaReadout.Class or PrismaReadout.Mean || json.Text("return_type", "pre_logits") == "pre_logits",
            "the head reads one state; the classification_type of this file gives it several");
        stack.Check(json);
        var config = new PrismaVitConfig
        {
            Stack = stack,
            Readout = readout,
            Classes = json.Int("n_classes", 10),
            UsesHead = json.Text("return_type", "pre_logits") != "pre_logits",
            Normalises = json.Bool("normalize_output", false),
            NormWeights = norm == "LN",
        };
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(PrismaVitConfig config) => new PrismaVit(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(PrismaVitConfig config, TensorSource source)
    {
        var stack = config.Stack;
        var (width, each) = (stack.Width, (long)stack.Heads * stack.HeadWidth!.Value);
        return new WeightMap().Under("", ClipWeights.Prefix(source, "embed.proj.weight", ""), model =>
        {
            // The token's parameter is there even where the model does not use it.
            if (stack.ClassToken) model.Copy("cls_token", "cls_token");
            else model.Ignore("cls_token", "use_cls_token is off");
            model.Pair("patch", "embed.proj").Copy("pos_embed", "pos_embed.W_pos");
            if (stack.PreNorm) Norm(model, "ln_pre", config);
            Norm(model, "ln_final", config);
            model.PerBlock(stack.Layers, "blocks.{i}.", "blocks.{i}.", block =>
            {
                Norm(block, "ln1", config);
                block.Stack("attn.qkv.weight", perHead => perHead.permute(0, 2, 1).reshape(-1, width), "attn.W_Q", "attn.W_K", "attn.W_V")
                    .Stack("attn.qkv.bias", perHead => perHead.reshape(-1), "attn.b_Q", "attn.b_K", "attn.b_V")
                    .Copy("attn.out.weight", "attn.W_O", perHead => perHead.reshape(each, width).t()).Copy("attn.out.bias", "attn.b_O");
                if (stack.Hidden == 0) return;
                Norm(block, "ln2", config);
                if (stack.NeuronNorm) Norm(block, "mlp.ln", config);
                block.Copy("mlp.in.weight", "mlp.W_in", matrix => matrix.t()).Copy("mlp.in.bias", "mlp.b_in")
                    .Copy("mlp.out.weight", "mlp.W_out", matrix => matrix.t()).Copy("mlp.out.bias", "mlp.b_out");
            });
            if (config.UsesHead) model.Copy("head.weight", "head.W_H", matrix => matrix.t()).Copy("head.bias", "head.b_H");
            else model.Ignore("head.*", "return_type leaves the head out");
        });
    }

    private static void Norm(WeightMap map, string name, PrismaVitConfig config)
    {
        const string Because = "LNPre has no weights";
        if (config.NormWeights) map.Copy(name + ".weight", name + ".w").Copy(name + ".bias", name + ".b");
        else map.Fill(name + ".weight", 1, Because).Fill(name + ".bias", 0, Because);
    }

    private static int Idle(ConfigReader json, string key)
    {
        json.Ignore(key);
        return 0;
    }

    // The reference tells its two-part readout by the name of the checkpoint it was converted from.
    private static PrismaReadout ReadReadout(ConfigReader json) => json.Text("classification_type", "cls") switch
    {
        "gaap" => PrismaReadout.Mean,
        "cls" when json.Text("model_name", "").Contains("dino-vitb", StringComparison.Ordinal) => PrismaReadout.ClassAndPatches,
        "cls" => PrismaReadout.Class,
        _ => PrismaReadout.Stream,
    };
}

/// <summary>The model of <see cref="PrismaVitFamily"/>: pixel_values [B, C, H, W] to what the configuration reads off the stream.</summary>
public sealed class PrismaVit : VitModel, ILogitReadout
{
    private readonly PrismaVitConfig _config;
    private readonly ClosingNorm _norm;
    private readonly Linear? _head;
    private readonly HookPoint _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public PrismaVit(PrismaVitConfig config) : base(config.Stack)
    {
        _config = config;
        _norm = Child("ln_final", new ClosingNorm(config.Stack.Width, config.Stack.Norm));
        if (config.UsesHead) _head = Child("head", new Linear(config.Stack.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => _config.Readout == PrismaReadout.Mean ? null : 0;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm.Norm;

    /// <inheritdoc/>
    public Linear? Readout => _config.Readout == PrismaReadout.Mean && _config.Stack.Prefix > 0 ? null : _head;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = _norm.Forward(Stack.Forward(input["pixel_values"], run), run);
        var read = _config.Readout switch
        {
            PrismaReadout.Class => x.select(1, 0),
            PrismaReadout.Mean => x.mean([1]),
            PrismaReadout.ClassAndPatches => stack([x.select(1, 0), Stack.MeanOfPatches(x)], -1),
            _ => x,
        };
        if (_head is not null) read = _head.Forward(read);
        read = _postHead.Pass(read, run);
        if (_config.Normalises) read = nn.functional.normalize(read, dim: -1);
        return new ModelOutput().With(_head is null ? "pre_logits" : "logits", read);
    }

    // The reference folds the last norm into the head as well; without a head its result is the output and stays.
    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.FoldLn && _head is not null) Processing.FoldNorm(_norm.Norm, _head);
    }
}
