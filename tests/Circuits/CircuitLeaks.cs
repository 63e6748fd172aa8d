using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>Counts live native tensors, so it runs alone.</summary>
[Collection(nameof(Engine.Alone))]
public sealed class CircuitLeaks
{
    public static TheoryData<string> Works => [.. s_works.Keys];

    private static readonly Dictionary<string, Action<HookedModel, Tensor, Tensor>> s_works = new()
    {
        ["patching"] = (model, clean, corrupt) => ActivationPatching.Run(model, clean, corrupt, new PatchGrid(Site.Z, PatchAxes.LayerHead)),
        ["ablation"] = (model, clean, corrupt) => SiteAblation.Effects(model, clean, new PatchGrid(Site.MlpPost, PatchAxes.LayerUnit) { Columns = [0, 3] }, kind: AblationKind.DataMean, data: [corrupt]),
        ["heads"] = (model, clean, _) => HeadAblation.Effects(model, clean).Dispose(),
        ["features"] = (model, clean, corrupt) =>
        {
            using var coder = FeatureTests.Coder(TokenScope.Patches);
            FeaturePatching.Run(model, clean, corrupt, coder, top: 2);
        },
        ["paths"] = (model, clean, corrupt) => PathPatching.Run(model, clean, corrupt, [new StreamNode(StreamRole.Output, 2), new StreamNode(StreamRole.Query, 1, 0)]),
        ["estimates"] = (model, clean, corrupt) => AttributionPatching.Run(model, clean, corrupt, [Site.Q, Site.K, Site.MlpOut], options: new AtpOptions { DropGradients = true, FixAttention = true }).Dispose(),
        ["edges"] = (model, clean, corrupt) => CircuitScore.Of(model, clean, corrupt, EdgeCircuit.Top(EdgeAttribution.Score(model, clean, corrupt), 10)),
        ["discovery"] = (model, clean, corrupt) => Acdc.Find(model, clean, corrupt, 1e-3),
        ["masks"] = (model, clean, corrupt) => EdgePruning.Find(model, clean, corrupt, 10, new ClassLogit(1), options: new EdgePruningOptions { Steps = 3 }),
        ["scrubbing"] = (model, clean, _) => CausalScrubbing.Of(model, clean, [new ScrubNode(Site.ResidPost[1], [0, 1]) { Inputs = [new ScrubNode(Site.Z[0], [0, 0])] }], new ClassLogit(1), draws: 3),
        ["driving"] = (model, clean, _) =>
        {
            using var first = GraphTests.Transcoder(0, 16);
            using var second = GraphTests.Transcoder(1, 16, skips: true);
            using var one = clean.narrow(0, 0, 1);
            var coders = TranscoderLayers.Of([first, second]);
            AttributionGraphBuilder.Build(model, one, coders, new AttributionGraphOptions { MaxFeatures = 3 });
            foreach (var hold in Enum.GetValues<InterventionHold>()) GraphIntervention.Run(model, one, coders, [new SupernodeChange(new Supernode("one", [new LayerFeature(0, 1)]), 2)], hold: hold);
        },
        ["dictionaries"] = (model, clean, corrupt) =>
        {
            using var scope = NewDisposeScope();
            using var last = DirectTests.Last(TokenScope.All);
            using var same = DirectTests.Last(TokenScope.All);
            LayerMatch.Of(last, same).Explained(last, same, ones(4, 16), randn(4, 16));
            Stitching.Of(last, same, randn(9, 16));
            FeatureDynamics.Of([last.Directions, same.Directions]);
            SteeringScores.Of(model, last, [clean], corrupt.narrow(0, 0, 1), [0, 1]);
            FeatureUnlearning.Measure(model, last, [0], -1, (clean, [0, 1]), (corrupt, [0, 1]));
            FeatureUnlearning.Densities(model, last, clean);
            TopicAlignment.Of(ones(3, 2), randn(3, 4), randn(2, 4)).Steered(randn(2, 2), 1).Dispose();
            MetaDictionary.Train(last, new MetaOptions { Steps = 2 }).Dispose();
        },
        ["profiles"] = (model, clean, corrupt) => HeadProfiles.Measure(model, [clean, corrupt]),
        ["outliers"] = (model, clean, corrupt) => OutlierTokens.Measure(model, [clean, corrupt]),
        ["faithfulness"] = (model, clean, _) =>
        {
            using var one = clean.narrow(0, 0, 1);
            var map = AttributionMethod.Named("saliency").Explain(model, one)[0].Heatmap;
            PerturbationCurve.Road(model, one, map, steps: 3);
            Faithfulness.Of(model, one, map);
            SensitivityN.Of(model, one, map, subsets: 3);
        },
        ["texts"] = (_, clean, corrupt) =>
        {
            using var scope = NewDisposeScope();
            SparseTexts.Rebuild(SparseTexts.Find(clean.flatten(1), corrupt.flatten(1), penalty: 0.01), corrupt.flatten(1), SparseTexts.MeanOf(clean.flatten(1))).Dispose();
        },
        ["composition"] = (model, _, _) => Composition.Of(model, CompositionKind.Key, samples: 3),
        ["direct"] = (model, clean, _) =>
        {
            DirectAttribution.Heads(model, clean, 1);
            DirectAttribution.Neurons(model, clean, 0, 1);
            DirectAttribution.Sources(model, clean, 1).Dispose();
        },
        ["lens"] = (model, clean, _) =>
        {
            var (lens, _) = TunedLensTraining.Fit(model, [clean], new TunedLensOptions { Steps = 2 });
            using (lens) LogitLens.Read(model, clean, new LensOptions { Tuned = lens }).Dispose();
        },
        ["decomposition"] = (model, clean, _) =>
        {
            using var scope = NewDisposeScope();
            using var parts = ImageDecomposition.Of(model, clean);
            TextSpan.Find(parts.Heads.select(1, 0).select(1, 0), eye(5), count: 1);
        },
        ["circuit"] = (model, clean, corrupt) =>
        {
            using var first = FeatureTests.Coder(TokenScope.Patches);
            using var last = DirectTests.Last(TokenScope.All);
            var circuit = FeatureCircuits.Find(model, clean, corrupt, [first, last], options: new FeatureCircuitOptions { NodeThreshold = 0.01, Steps = 2 });
            FeatureCircuits.Keeping(model, clean, corrupt, [first, last], circuit.Nodes);
        },
        ["circuit with a transcoder"] = (model, clean, corrupt) =>
        {
            using var first = FeatureTests.Coder(TokenScope.Patches);
            using var second = GraphTests.Transcoder(1, 16, skips: true);
            var circuit = FeatureCircuits.Find(model, clean, corrupt, [first, second], options: new FeatureCircuitOptions { NodeThreshold = 0.01, Steps = 2 });
            FeatureCircuits.Keeping(model, clean, corrupt, [first, second], circuit.Nodes);
        },
        ["features pooled"] = (model, clean, _) =>
        {
            using var coder = FeatureTests.Coder(TokenScope.Patches);
            PooledFeatures.Of(model, coder, clean, Pooling.Max).Dispose();
        },
        ["graph"] = (model, clean, _) =>
        {
            using var first = GraphTests.Transcoder(0, 16);
            using var second = GraphTests.Transcoder(1, 16);
            using var one = clean.narrow(0, 0, 1);
            AttributionGraphBuilder.Build(model, one, TranscoderLayers.Of([first, second]), new AttributionGraphOptions { MaxFeatures = 5, RankEvery = 2 });
        },
    };

    [Theory, MemberData(nameof(Works))]
    public void Nothing_is_left_behind(string work)
    {
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        using var corrupt = Tiny.Pictures(2, seed: 5);
        Leaks.None(() => s_works[work](model, clean, corrupt));
    }
}
