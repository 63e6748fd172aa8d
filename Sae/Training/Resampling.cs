using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Sets dead features anew on rows that the coder explains badly ("Towards Monosemanticity", 2023): direction of the centred row, encoder at a
/// fifth of the living features' mean length, bias zero, the optimiser's memory of them forgotten.
/// </summary>
internal static class Resampling
{
    private const double EncoderShare = 0.2;

    internal static void Run(TrainableCoder coder, TrainRows batch, StepInfo step, ICoderMoments moments)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(step.Seed);
        var dead = step.Dead.Mask;
        var places = dead.nonzero().squeeze(1);
        var number = Math.Min(places.shape[0], batch.Inputs.shape[0]);
        if (number == 0) return;
        places = places.narrow(0, 0, number);
        var picked = Pick(Errors(coder, batch), number, generator);
        var rows = coder.Centred(coder.Normed(batch.Inputs.index_select(0, picked)));
        var directions = nn.functional.normalize(rows);
        var living = dead.logical_not().to(coder.Encoder.dtype);
        var length = (coder.Encoder.norm(1) * living).sum() / living.sum().clamp_min(1);
        Replace(coder.Decoder, places, directions);
        Replace(coder.Encoder, places, directions * length * EncoderShare);
        Replace(coder.EncoderBias, places, zeros(number));
        var chosen = zeros(coder.Shape.Features).scatter(0, places, ones(number)).gt(0);
        foreach (var name in new[] { "decoder", "encoder", "encoder_bias" }) moments.Forget(name, chosen);
        step.Dead.Silent.masked_fill_(chosen, 0);
    }

    private static Tensor Errors(TrainableCoder coder, TrainRows batch)
    {
        using var now = coder.Freeze();
        using var codes = now.Encode(batch.Inputs);
        return (now.Decode(codes, batch.Inputs) - batch.Targets).square().sum(1);
    }

    // Without replacement, with chances in proportion to the squared error: the largest of log(weight) − log(−log(u)).
    private static Tensor Pick(Tensor weights, long number, Generator generator)
    {
        var noise = rand(weights.shape[0], generator: generator).clamp_min(1e-12).log().neg().clamp_min(1e-12).log().neg();
        return (weights.clamp_min(1e-30).log() + noise).topk((int)number, 0).indexes;
    }

    private static void Replace(Tensor into, Tensor places, Tensor rows) =>
        into.scatter_(0, rows.ndim == 1 ? places : places.unsqueeze(1).expand(rows.shape), rows);
}
