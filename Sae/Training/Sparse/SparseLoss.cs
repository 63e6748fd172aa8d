namespace Prisma.Sae;

/// <summary>A coder's loss over sparse codes, and the graph that knows its gradients.</summary>
/// <param name="Terms">The same terms as over dense codes.</param>
/// <param name="Graph">The way back.</param>
internal sealed record SparseLoss(IReadOnlyList<LossTerm> Terms, SparseGraph Graph);
