using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>A timm model as the image side of an open_clip model: SigLIP's, EVA-CLIP's and others.</summary>
public sealed class TimmTower : ImageTower
{
    private readonly TimmTowerConfig _config;
    private readonly TimmTrunk _trunk;
    private readonly Linear? _proj, _hidden;
    private readonly HookPoint? _postHead;

    /// <summary>Declares the trunk's weights and, where there is a projection, <c>proj</c> [e, d], with an MLP also <c>proj_in</c>.</summary>
    public TimmTower(TimmTowerConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _trunk = Child("", new TimmTrunk(config.Trunk));
        if (config.Projection == TimmProjection.Trunk) return;
        var width = config.Trunk.Stack.Width;
        if (config.Projection == TimmProjection.Mlp) _hidden = Child("proj_in", new Linear(width, 2 * config.JointWidth));
        _proj = Child("proj", new Linear(_hidden is null ? width : 2 * config.JointWidth, config.JointWidth, config.Bias));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override int JointWidth => _proj is not null ? _config.JointWidth : _config.Trunk.Classes > 0 ? _config.Trunk.Classes : _config.Trunk.Stack.Width;

    /// <inheritdoc/>
    public override Norm FinalNorm => _trunk.FinalNorm;

    /// <inheritdoc/>
    public override Linear? Readout => _trunk.ReadsPlainly && _hidden is null ? _proj ?? _trunk.Readout : null;

    /// <inheritdoc/>
    public override int? ReadToken => _trunk.ReadToken;

    /// <inheritdoc/>
    public override TowerOutput Forward(ModelInput input, HookRun run)
    {
        var (features, pooled, logits) = _trunk.Forward(input["pixel_values"], run);
        if (_proj is null || _postHead is null) return new TowerOutput(features, pooled, _config.Trunk.Classes > 0 ? logits : null);
        var x = _hidden is null ? pooled : nn.functional.gelu(_hidden.Forward(pooled));
        return new TowerOutput(features, pooled, _postHead.Pass(_proj.Forward(x), run));
    }

    /// <inheritdoc/>
    public override TokenLayout? LayoutOf(ModelInput input) => _trunk.LayoutOf(input["pixel_values"]);
}
