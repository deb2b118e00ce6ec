/** The thesis, section 3.3 and table of cluster sizes: what a number of members survives. */

import { raftId } from "@skein/common/ids";
import { explainManagers, failuresSurvived, majorityOf } from "@skein/common/model/manager-count";
import { quorumFloor } from "@skein/manager/raft/quorum";
import { expect } from "chai";

const SIZES = [
  "1 manager: majority 1, survives no failure",
  "2 managers: majority 2, survives no failure, the same as 1; 3 survive 1",
  "3 managers: majority 2, survives 1 failure",
  "4 managers: majority 3, survives 1 failure, the same as 3; 5 survive 2",
  "5 managers: majority 3, survives 2 failures",
  "6 managers: majority 4, survives 2 failures, the same as 5; 7 survive 3",
  "7 managers: majority 4, survives 3 failures",
];

describe("raft thesis 3.3: how many failures a number of managers survives", () => {
  SIZES.forEach((text, at) => {
    const size = at + 1;
    it(text, () => {
      expect(explainManagers(size)).to.equal(text);
      const voters = Array.from({ length: size }, (_, number) => raftId(`n${number}`));
      const configuration = { voters, learners: [], addresses: {} };
      for (let failed = 0; failed <= size; failed += 1) {
        const alive = new Set(voters.slice(failed));
        const hasQuorum = quorumFloor(configuration, (id) => (alive.has(id) ? 1 : 0)) === 1;
        expect(hasQuorum, `${failed} failed`).to.equal(failed <= failuresSurvived(size));
        expect(hasQuorum, `${failed} failed`).to.equal(size - failed >= majorityOf(size));
      }
    });
  });
});
